from __future__ import annotations

import json
from pathlib import Path

import pytest

from trainer.loop.ledger import Ledger, Save
from trainer.rundir import RunDirectory


@pytest.fixture
def run(tmp_path: Path) -> RunDirectory:
    directory = RunDirectory(tmp_path)
    directory.create()
    return directory


def write(run: RunDirectory, step: int) -> Save:
    (run.checkpoints_path / f"export_{step}").touch()
    (run.checkpoints_path / f"step_{step:06d}").mkdir(exist_ok=True)
    return Save(step, f"export_{step}", f"step_{step:06d}")


def left(run: RunDirectory) -> set[str]:
    return {path.name for path in run.checkpoints_path.iterdir() if path.name != "saves.json"}


def test_the_newest_stay(run: RunDirectory) -> None:
    ledger = Ledger(run)
    for step in (2, 4, 6):
        ledger.add(write(run, step))
    assert {path.name for path in ledger.prune(2)} == {"export_2", "step_000002"}
    assert left(run) == {"export_4", "step_000004", "export_6", "step_000006"}


@pytest.mark.parametrize("keep", [0, -1])
def test_keeping_everything(run: RunDirectory, keep: int) -> None:
    ledger = Ledger(run)
    for step in (2, 4):
        ledger.add(write(run, step))
    assert ledger.prune(keep) == ()
    assert len(left(run)) == 4


def test_saving_a_step_twice_never_deletes_it(run: RunDirectory) -> None:
    ledger = Ledger(run)
    ledger.add(write(run, 4))
    ledger.add(write(run, 4))
    assert ledger.prune(1) == ()
    assert left(run) == {"export_4", "step_000004"}


def test_a_restart_goes_on_counting(run: RunDirectory) -> None:
    Ledger(run).add(write(run, 2))
    again = Ledger(run)
    again.add(write(run, 4))
    again.prune(1)
    assert left(run) == {"export_4", "step_000004"}


@pytest.mark.parametrize("name", ["../precious", "/etc/passwd", "a/b"])
def test_a_list_that_was_tampered_with_deletes_nothing_outside(run: RunDirectory, name: str) -> None:
    precious = run.path / "precious"
    precious.touch()
    saves = [{"step": 1, "export": name, "state": None}, {"step": 2, "export": "export_2", "state": None}]
    (run.checkpoints_path / "saves.json").write_text(json.dumps({"v": 1, "saves": saves}))
    Ledger(run).prune(1)
    assert precious.exists()


def test_an_unreadable_list_is_empty(run: RunDirectory) -> None:
    (run.checkpoints_path / "saves.json").write_text("{")
    assert Ledger(run).saves == ()


def test_going_back_puts_later_saves_out_of_the_way(run: RunDirectory) -> None:
    ledger = Ledger(run)
    for step in (2, 4, 6):
        ledger.add(write(run, step))
    assert {path.name for path in ledger.abandon_after(2)} == {
        "export_4.abandoned-1", "step_000004.abandoned-1", "export_6.abandoned-1", "step_000006.abandoned-1",
    }  # fmt: skip
    ledger.add(write(run, 3))
    ledger.prune(1)
    assert [save.step for save in Ledger(run).saves] == [3], "what was just saved stays"
    assert {"export_3", "step_000003"} <= left(run)
    assert run.states() == [(3, run.checkpoints_path / "step_000003")]
