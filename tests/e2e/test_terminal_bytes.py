"""What goes over the line: the real program on a pseudo terminal, its output counted."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.events import Recording
from tests.support.hostile import TITLE, write_hostile
from tests.support.terminal import PATIENCE, Terminal
from trainer.rundir.layout import RunDirectory
from trainer.rundir.process import process_start

pytestmark = pytest.mark.e2e


@pytest.fixture
def recording(tmp_path: Path) -> Recording:
    made = Recording(tmp_path / "outputs" / "fox")
    made.clock.now = time.time()
    made.start()
    made.steps(400)
    _alive(made)
    return made


def _alive(recording: Recording) -> None:
    recording.clock.now = time.time()
    recording.status("training", pid=os.getpid(), pid_start=process_start(os.getpid()))


@pytest.fixture
def monitor(recording: Recording, tmp_path: Path) -> Iterator[Terminal]:
    terminal = Terminal(["monitor", str(recording.run.path)], (80, 24), {"XDG_STATE_HOME": str(tmp_path)})
    yield terminal
    terminal.close()


def test_an_update_costs_less_than_a_kilobyte_and_silence_nothing(recording: Recording, monitor: Terminal) -> None:
    monitor.wait_for("fox")
    monitor.settle()
    assert monitor.read(1.2) == b"", "nothing is sent while nothing happens"
    sizes = []
    for _ in range(8):
        recording.steps(1)
        _alive(recording)
        sizes.append(monitor.next_update())
    monitor.press(b"q")
    assert monitor.process.wait(PATIENCE) == 0
    assert max(sizes) < 1000, sizes
    assert sum(sizes) / len(sizes) < 500, sizes


def test_a_closed_terminal_ends_the_monitor_cleanly(recording: Recording, tmp_path: Path) -> None:
    terminal = Terminal(["monitor", str(recording.run.path)], (80, 24), {"XDG_STATE_HOME": str(tmp_path)})
    terminal.wait_for("fox")
    os.close(terminal.master)  # the kernel hangs up
    assert terminal.process.wait(PATIENCE) == 128 + signal.SIGHUP


@pytest.mark.parametrize("environment", [{"NO_COLOR": "1"}, {"TERM": "linux"}])
def test_where_colours_are_unwanted_or_few_none_of_the_rich_ones_are_sent(
    recording: Recording, tmp_path: Path, environment: dict[str, str]
) -> None:
    terminal = Terminal(
        ["monitor", str(recording.run.path)],
        (80, 24),
        {"XDG_STATE_HOME": str(tmp_path), "COLORTERM": "", **environment},
    )
    terminal.wait_for("fox")
    terminal.settle()
    terminal.press(b"q")
    terminal.process.wait(PATIENCE)
    terminal.close()
    assert b"38;2;" not in terminal.output
    assert b"48;2;" not in terminal.output


def test_a_locale_without_unicode_still_gets_lines_and_dots(recording: Recording, tmp_path: Path) -> None:
    terminal = Terminal(
        ["monitor", str(recording.run.path)],
        (80, 24),
        {"XDG_STATE_HOME": str(tmp_path), "PYTHONIOENCODING": "latin-1"},
    )
    terminal.wait_for("fox")
    terminal.settle()
    terminal.press(b"q")
    terminal.process.wait(PATIENCE)
    terminal.close()
    assert b"\\u28" not in terminal.output
    assert "┤".encode() in terminal.output


def test_words_from_the_log_never_reach_the_terminal_raw(tmp_path: Path) -> None:
    run = RunDirectory(tmp_path / "outputs" / "fox")
    write_hostile(run)
    terminal = Terminal(["monitor", str(run.path)], (100, 30), {"XDG_STATE_HOME": str(tmp_path)})
    terminal.wait_for("fox")
    for key in (b"2", b"3", b"4", b"w", b"q", b"q"):
        terminal.settle(0.3)
        terminal.press(key)
    terminal.process.wait(PATIENCE)
    terminal.close()
    assert b"\x1b" + TITLE.encode() not in terminal.output
    assert b"\x9b31m" not in terminal.output
    assert b"\x1bP+q" not in terminal.output
    assert "\u202e".encode() not in terminal.output
