"""A run from another place: launched, left, its terminal killed, found again, steered, stopped, gone on with.

The trainer is the real one (a fork of the warm process), the terminals are tmux.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.terminal import PATIENCE, ROOT
from tests.support.tmux import Tmux
from trainer.rundir import EventReader, RunDirectory, read_status, same_process
from tui.launch import PYTHON_VARIABLE

pytestmark = [pytest.mark.e2e, pytest.mark.skipif(shutil.which("tmux") is None, reason="tmux is not installed")]

STEPS = 400
"""More than the run is watched for, so that it is never over before a key arrives."""
DEMO = (
    f"$LTX demo world --steps {STEPS} --set validation.skip_initial_validation=true --set validation.interval=1000"
    " --set validation.inference_steps=2"
)
SLOW = 3 * PATIENCE


@pytest.fixture
def environment(warm: str, tmp_path: Path) -> dict[str, str]:
    return {
        "PYTHONPATH": str(ROOT),
        "LTX": f"{sys.executable} -m tui",
        PYTHON_VARIABLE: f"{sys.executable} -m tests.support.warm run {warm}",
        "XDG_STATE_HOME": str(tmp_path / "state"),
        "SHELL": "/bin/sh",
    }


@pytest.fixture
def run(tmp_path: Path) -> Iterator[RunDirectory]:
    directory = RunDirectory(tmp_path / "world" / "runs" / "t2v_lora")
    yield directory
    status = read_status(directory.status_path)
    if status is not None and same_process(status.pid, status.pid_start):
        os.kill(status.pid, signal.SIGKILL)


@pytest.fixture
def terminals(tmp_path: Path) -> Iterator[list[Tmux]]:
    opened: list[Tmux] = []
    yield opened
    for terminal in opened:
        terminal.close()


def _events(run: RunDirectory, kind: str) -> list[dict[str, Any]]:
    return [event for event in EventReader(run.events_path).poll(5.0) if event["type"] == kind]


def test_launch_leave_come_back_steer_stop_and_go_on(
    tmp_path: Path, environment: dict[str, str], run: RunDirectory, terminals: list[Tmux]
) -> None:
    first = Tmux(tmp_path, (100, 30), environment, name="first")
    terminals.append(first)
    first.type(DEMO, "Enter")
    first.wait_for("RUNNING", SLOW)
    first.wait_until(lambda screen: "training step" in screen, SLOW)
    first.type("q")  # leaves the monitor; the command goes on with lines
    first.wait_until(lambda screen: "s/step" in screen and "RUNNING" not in screen)
    first.type("C-c")
    first.wait_for("Detach and leave it running")
    first.type("d", "Enter")
    first.wait_for("The trainer goes on")
    first.close()
    status = read_status(run.status_path)
    assert status is not None
    assert same_process(status.pid, status.pid_start), "the trainer outlives its terminal"

    second = Tmux(tmp_path, (160, 45), environment, name="second")
    terminals.append(second)
    second.type("$LTX monitor world/runs/t2v_lora; echo left:$?", "Enter")
    second.wait_for("RUNNING")
    second.type("r")
    second.wait_for("Learning rate")
    second.type("C-u", "2e-3", "Enter")
    second.wait_for("lr 0.002: ok")
    second.type("v")
    second.wait_for("validate: ok", SLOW)
    second.type("s")
    second.wait_for("Stop this run?")
    second.type("y")
    second.wait_for("STOPPED", SLOW)
    second.type("q")
    second.wait_for("left:0")

    stopped = read_status(run.status_path)
    assert stopped is not None
    steps = stopped.step + 4
    config = tmp_path / "world" / "t2v_lora.yaml"
    config.write_text(config.read_text("utf-8").replace(f"steps: {STEPS}", f"steps: {steps}"), "utf-8")
    second.type("clear", "Enter")
    second.type("$LTX train world/t2v_lora.yaml; echo left:$?", "Enter")
    second.wait_for("left:0", SLOW)
    final = read_status(run.status_path)
    assert final is not None
    assert (final.phase, final.step) == ("finished", steps)
    assert [event["verb"] for event in _events(run, "control")] == ["lr", "validate", "stop"]
    assert [event["resumed_from"] is None for event in _events(run, "run")] == [True, False]

    second.type("clear", "Enter")
    second.type("$LTX monitor world/runs/t2v_lora", "Enter")
    second.wait_for("FINISHED")
    second.type("m")
    second.wait_until(lambda screen: set("LVSR") <= _letters(screen))


def _letters(screen: str) -> set[str]:
    """Letters that stand in a chart, right of its axis, with nothing but dots and lines beside them."""
    charts = [line.partition("┤")[2] or line.partition("│")[2] for line in screen.splitlines()]
    alone = r"(?<![^\s┊\u2800-\u28ff])[A-Z](?![^\s┊\u2800-\u28ff])"
    return {letter for line in charts for letter in re.findall(alone, line)}
