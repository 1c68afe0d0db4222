"""What goes over the line: the real program on a pseudo terminal, its output counted."""

from __future__ import annotations

import fcntl
import os
import pty
import select
import signal
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.events import Recording
from trainer.rundir.process import process_start

pytestmark = pytest.mark.e2e
ROOT = Path(__file__).parents[2]
PATIENCE = 60.0
"""Seconds before a test gives up; a busy machine is slow, not wrong."""


class Terminal:
    """A program on a terminal of a given size."""

    def __init__(self, arguments: list[str], size: tuple[int, int], environment: dict[str, str]) -> None:
        self.master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", size[1], size[0], 0, 0))
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tui", *arguments],
            stdin=slave, stdout=slave, stderr=slave, cwd=ROOT, start_new_session=True,
            env={**os.environ, "TERM": "xterm-256color", "COLUMNS": "", "LINES": "", **environment},
        )  # fmt: skip
        os.close(slave)
        self.output = b""

    def read(self, seconds: float) -> bytes:
        """What comes within so many seconds, up to the first pause of a tenth of a second."""
        got, deadline = b"", time.monotonic() + seconds
        while (left := deadline - time.monotonic()) > 0:
            ready, _, _ = select.select([self.master], [], [], min(left, 0.1) if got else left)
            if not ready:
                break
            try:
                piece = os.read(self.master, 1 << 16)
            except OSError:
                break
            if not piece:
                break
            got += piece
        self.output += got
        return got

    def wait_for(self, text: str) -> None:
        """Read until ``text`` was written."""
        deadline = time.monotonic() + PATIENCE
        while text.encode() not in self.output:
            assert time.monotonic() < deadline, self.output[-2000:]
            self.read(0.2)

    def settle(self) -> None:
        """Read until nothing comes for a while."""
        deadline = time.monotonic() + PATIENCE
        while self.read(1.2):
            assert time.monotonic() < deadline, "it never falls silent"

    def next_update(self) -> int:
        """Bytes of the next repaint."""
        deadline = time.monotonic() + PATIENCE
        while not (got := self.read(0.5)):
            assert time.monotonic() < deadline, "no update came"
        return len(got)

    def press(self, keys: bytes) -> None:
        os.write(self.master, keys)

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        os.close(self.master)


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
    assert monitor.read(1.5) == b"", "nothing is sent while nothing happens"
    sizes = []
    for _ in range(15):
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
    os.close(terminal.master)
    os.kill(terminal.process.pid, signal.SIGHUP)
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
