from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner
from packaging.requirements import Requirement

from presets.gpus import Driver, Gpu
from trainer.preflight.doctor import Finding, card, examine, free_space, libraries, torch_build, worst
from tui.commands.doctor import command

GIB = 2**30
CARD = Gpu(0, "Card", 32 * GIB, GIB, 0, (12, 0), "570.86")


def test_this_machine_is_examined_without_loading_anything_heavy(tmp_path: Path) -> None:
    topics = {found.topic for found in examine(tmp_path)}
    assert {"Python", "Libraries", "GPU", "torch", "Host memory", "Disk", "C++ compiler", "Media"} <= topics


def test_missing_and_old_libraries_are_named_with_what_to_install() -> None:
    wanted = [
        Requirement("click>=99"),
        Requirement("no-such-thing-anywhere>=1"),
        Requirement("rich>=1"),
        Requirement("absent; sys_platform == 'win32'"),
    ]
    found = list(libraries(wanted, "1.0"))
    assert [one.state for one in found] == ["bad", "bad", "ok"]
    assert "click" in found[0].words
    assert ">=99" in found[0].words
    assert found[1].hint == "pip install 'no-such-thing-anywhere>=1'"
    assert "3 libraries" in found[2].words


@pytest.mark.parametrize(
    ("cuda", "driver", "state"),
    [
        ("12.8", Driver((CARD,), (12, 4)), "ok"),
        ("13.0", Driver((CARD,), (12, 8)), "bad"),
        ("", Driver((CARD,), (12, 8)), "bad"),
        ("", Driver((), None), "warn"),
    ],
)
def test_torch_must_go_with_the_driver(cuda: str, driver: Driver, state: str) -> None:
    assert [found.state for found in torch_build(driver, cuda)] == [state]


def test_a_card_is_judged_by_size_use_and_age() -> None:
    assert [found.state for found in card(CARD)] == ["ok"]
    assert next(card(replace(CARD, total=8 * GIB))).state == "bad"
    assert next(card(replace(CARD, used=20 * GIB))).state == "warn"
    old = list(card(replace(CARD, capability=(7, 5))))
    assert "bf16 is imitated" in old[-1].words
    assert "fp8" in list(card(replace(CARD, capability=(8, 6))))[-1].words


def test_room_on_the_disk(tmp_path: Path) -> None:
    assert free_space("Disk", tmp_path / "not" / "there", 0).state == "ok"
    assert free_space("Disk", tmp_path, 1 << 62).state == "warn"


def test_the_worst_counts() -> None:
    ok, warn, bad = Finding("a", "ok", ""), Finding("a", "warn", ""), Finding("a", "bad", "")
    assert worst((ok, warn)) == "warn"
    assert worst((ok, bad, warn)) == "bad"
    assert worst((ok,)) == "ok"


def test_the_command_prints_and_answers_in_json(tmp_path: Path) -> None:
    done = CliRunner().invoke(command, ["--folder", str(tmp_path)])
    assert done.exit_code == 0, done.output
    assert "Python" in done.output
    answer = json.loads(CliRunner().invoke(command, ["--json"]).output)
    assert answer["ok"] is True
    assert {"topic", "state", "message", "hint"} == set(answer["findings"][0])
