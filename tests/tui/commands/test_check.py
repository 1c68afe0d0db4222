"""``check`` as a person and as a program see it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from schemas import render_yaml
from tests.trainer.preflight.world import World
from tui.commands.check import command


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


def config(world: World, *changes: str) -> str:
    path = world.root / "config.yaml"
    path.write_text(render_yaml(world.data(*changes)), "utf-8")
    return str(path)


def test_ready(world: World) -> None:
    done = CliRunner().invoke(command, [config(world)])
    assert done.exit_code == 0
    assert "ready to train" in done.output
    assert "ERRORS" not in done.output


def test_grouped_report(world: World) -> None:
    path = config(world, "lora.target_modules=['[b]x']", "checkpoints.interval=null")
    done = CliRunner().invoke(command, [path])
    assert done.exit_code == 2
    lines = done.output.splitlines()
    assert lines[0] == "ERRORS (1)"
    assert "lora.target_modules[0]: no module of this model matches '[b]x'  [target-no-match]" in lines[1]
    text = Path(path).read_text("utf-8").splitlines()
    assert lines[2].strip().startswith("at:")
    assert "[b]x" in text[int(lines[2].rpartition(":")[2]) - 1]
    assert "next: " in lines[3]
    assert "WARNINGS (1)" in lines
    assert lines[-1].endswith("1 error, 1 warning")


def test_json(world: World) -> None:
    done = CliRunner().invoke(command, [config(world, "output_dir=/proc/version/x"), "--json"])
    data = json.loads(done.output)
    assert done.exit_code == 4
    assert set(data) == {"ok", "problems"}
    assert data["ok"] is False
    assert set(data["problems"][0]) == {"code", "severity", "path", "message", "hint"}


def test_missing_file(tmp_path: Path) -> None:
    done = CliRunner().invoke(command, [str(tmp_path / "none.yaml"), "--json"])
    assert done.exit_code == 2
    assert json.loads(done.output)["problems"][0]["code"] == "config-unreadable"
