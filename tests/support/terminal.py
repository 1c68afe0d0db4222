"""The real program on a pseudo terminal, for tests that look at what crosses the line."""

from __future__ import annotations

import fcntl
import os
import pty
import select
import struct
import subprocess
import sys
import termios
import time
from pathlib import Path

ROOT = Path(__file__).parents[2]
PATIENCE = 60.0
"""Seconds before a test gives up; a busy machine is slow, not wrong."""


class Terminal:
    """A program on a terminal of a given size."""

    def __init__(
        self, arguments: list[str], size: tuple[int, int], environment: dict[str, str], *, module: str = "tui"
    ) -> None:
        self.master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", size[1], size[0], 0, 0))
        self.process = subprocess.Popen(
            [sys.executable, "-m", module, *arguments],
            stdin=slave, stdout=slave, stderr=slave, cwd=ROOT, start_new_session=True,
            preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),  # so that Ctrl-C and hanging up are signals
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

    def settle(self, seconds: float = 1.2) -> None:
        """Read until nothing comes for a while."""
        deadline = time.monotonic() + PATIENCE
        while self.read(seconds):
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
