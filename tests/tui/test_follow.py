"""Following a trainer, with a stand-in that keeps the run directory as the real one does."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.tui.forms.support import small
from trainer.rundir.events import EventReader
from trainer.rundir.layout import RunDirectory
from trainer.rundir.status import read_status
from tui.follow import Follower
from tui.forms.draft import Draft
from tui.launch import PYTHON_VARIABLE, running_trainer, start_trainer, trainer_command

ROOT = Path(__file__).parents[2]
Start = Callable[[str], tuple[Follower, "subprocess.Popen[bytes]"]]


@pytest.fixture
def run(tmp_path: Path) -> RunDirectory:
    return RunDirectory(tmp_path / "out")


@pytest.fixture
def start(run: RunDirectory, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Start:
    config = tmp_path / "config.yaml"
    Draft.new({**small(), "output_dir": str(run.path)}).save(config)
    monkeypatch.setenv(PYTHON_VARIABLE, f"{sys.executable} -m tests.support.stub_trainer")
    monkeypatch.setenv("PYTHONPATH", str(ROOT))

    def begin(orders: str) -> tuple[Follower, subprocess.Popen[bytes]]:
        monkeypatch.setenv("STUB_TRAINER", orders)
        follower = Follower(run)
        return follower, start_trainer(trainer_command(config, resume="auto", processes=1), run)

    return begin


def _when_training(run: RunDirectory, act: Callable[[], None]) -> threading.Thread:
    def wait() -> None:
        while not ((status := read_status(run.status_path)) and status.phase == "training" and status.step > 1):
            time.sleep(0.02)
        act()

    thread = threading.Thread(target=wait)
    thread.start()
    return thread


def test_until_it_is_finished(start: Start, capsys: pytest.CaptureFixture[str]) -> None:
    follower, process = start("4 finish")
    assert follower.follow(process) == 0
    out = capsys.readouterr().out
    assert "step 4/4  loss 0.25" in out
    assert "finished (exit code 0)" in out


def test_earlier_runs_in_the_same_directory_are_not_told_again(
    start: Start, capsys: pytest.CaptureFixture[str]
) -> None:
    follower, process = start("2 finish")
    follower.follow(process)
    capsys.readouterr()
    follower, process = start("3 finish")
    assert follower.follow(process) == 0
    assert "step 2/2" not in capsys.readouterr().out


def test_a_trainer_that_is_killed_is_reported_with_the_end_of_its_log(
    start: Start, capsys: pytest.CaptureFixture[str]
) -> None:
    follower, process = start("2 die")
    assert follower.follow(process) == 137
    error = capsys.readouterr().err
    assert "killed by SIGKILL" in error
    assert "about to die" in error


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGUSR1, 75), (signal.SIGINT, 130)])
def test_signals_of_a_scheduler_reach_the_trainer(
    number: signal.Signals, code: int, start: Start, run: RunDirectory
) -> None:
    follower, process = start("5000 finish")
    thread = _when_training(run, lambda: os.kill(os.getpid(), number))
    assert follower.follow(process) == code
    thread.join()


class _Keyboard:
    """A terminal's input; Ctrl-C is a line of its own, and at the end the terminal is gone."""

    def __init__(self, *lines: str) -> None:
        self.lines = list(lines)

    def isatty(self) -> bool:
        return True

    def readline(self) -> str:
        line = self.lines.pop(0) if self.lines else ""
        if line == "^C":
            raise KeyboardInterrupt
        return line


def _at_a_terminal(monkeypatch: pytest.MonkeyPatch, *lines: str) -> _Keyboard:
    keyboard = _Keyboard(*lines)
    monkeypatch.setattr("sys.stdin", keyboard)
    return keyboard


@pytest.mark.parametrize("line", ["d\n", "\n", ""])
def test_ctrl_c_and_detach_leaves_the_trainer_alone(
    line: str, start: Start, run: RunDirectory, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    _at_a_terminal(monkeypatch, line)
    follower, process = start("5000 finish")
    thread = _when_training(run, lambda: os.kill(os.getpid(), signal.SIGINT))
    assert follower.follow(process) == 0
    thread.join()
    assert process.poll() is None, "it goes on"
    assert "monitor" in capsys.readouterr().err
    process.terminate()
    process.wait(10)


def test_ctrl_c_and_stop_waits_for_the_save(start: Start, run: RunDirectory, monkeypatch: pytest.MonkeyPatch) -> None:
    _at_a_terminal(monkeypatch, "x\n", "s\n")
    follower, process = start("5000 finish")
    thread = _when_training(run, lambda: os.kill(os.getpid(), signal.SIGINT))
    assert follower.follow(process) == 75
    thread.join()
    assert process.poll() == 75


def test_a_second_ctrl_c_stops_it(start: Start, run: RunDirectory, monkeypatch: pytest.MonkeyPatch) -> None:
    _at_a_terminal(monkeypatch, "^C")
    follower, process = start("5000 finish")
    thread = _when_training(run, lambda: os.kill(os.getpid(), signal.SIGINT))
    assert follower.follow(process) == 130
    thread.join()


def test_ctrl_c_and_go_on_watching(start: Start, run: RunDirectory, monkeypatch: pytest.MonkeyPatch) -> None:
    keyboard = _at_a_terminal(monkeypatch, "c\n")
    follower, process = start("60 finish")
    thread = _when_training(run, lambda: os.kill(os.getpid(), signal.SIGINT))
    assert follower.follow(process) == 0
    thread.join()
    assert not keyboard.lines


def test_a_trainer_that_somebody_else_started_is_followed_to_its_end(start: Start, run: RunDirectory) -> None:
    _, process = start("80 finish")
    _when_training(run, lambda: None).join()
    found = running_trainer(run)
    assert found is not None
    assert found.pid == process.pid
    assert Follower(run).follow(found) == 0
    process.wait(10)
    assert running_trainer(run) is None


def test_a_demo_started_again_attaches_to_its_living_trainer(
    start: Start, run: RunDirectory, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from tui.commands.demo import _train
    from tui.demo.steps import Demo, DemoOptions

    _, process = start("100 finish")
    _when_training(run, lambda: None).join()
    said: list[object] = []
    Demo(DemoOptions(tmp_path), say=said.append, train=lambda _: 0)._check(run.path)
    assert "going on" in str(said[-1])
    assert _train(tmp_path / "config.yaml", plain=True) == 0
    process.wait(10)
    assert f"process {process.pid} trains it already" in capsys.readouterr().out
    assert [event["type"] for event in EventReader(run.events_path).poll(5.0)].count("run") == 1
