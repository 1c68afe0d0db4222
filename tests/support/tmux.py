"""A real tmux with one window, for tests that look at the screen as a person does."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable
from pathlib import Path

from tests.support.terminal import PATIENCE


class Tmux:
    """A tmux server of its own with one window."""

    def __init__(self, folder: Path, size: tuple[int, int], environment: dict[str, str], *, name: str = "tmux") -> None:
        self._socket = str(folder / f"{name}.sock")
        settings = [word for name, value in environment.items() for word in ("-e", f"{name}={value}")]
        self._tmux("-f", "/dev/null", "new-session", "-d", "-s", "t", "-x", str(size[0]), "-y", str(size[1]),
                   "-c", str(folder), *settings, "sh")  # fmt: skip

    def _tmux(self, *arguments: str) -> str:
        done = subprocess.run(["tmux", "-S", self._socket, *arguments], capture_output=True, text=True, check=True)
        return done.stdout

    def type(self, *keys: str) -> None:
        self._tmux("send-keys", "-t", "t", *keys)

    def resize(self, columns: int, rows: int) -> None:
        self._tmux("resize-window", "-t", "t", "-x", str(columns), "-y", str(rows))

    def screen(self) -> str:
        return self._tmux("capture-pane", "-p", "-t", "t")

    def wait_for(self, text: str, patience: float = PATIENCE) -> str:
        """The first screen with ``text`` on it."""
        return self.wait_until(lambda screen: text in screen, patience)

    def wait_until(self, holds: Callable[[str], bool], patience: float = PATIENCE) -> str:
        """The first screen for which something holds."""
        deadline = time.monotonic() + patience
        while not holds(screen := self.screen()):
            assert time.monotonic() < deadline, screen
            time.sleep(0.1)
        return screen

    def close(self) -> None:
        """Kill the server and with it the terminal."""
        subprocess.run(["tmux", "-S", self._socket, "kill-server"], capture_output=True, check=False)
