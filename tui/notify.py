"""A word to whoever is not looking: the terminal's bell and a desktop notification (OSC 9) when a run ends."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Final

from tui.text import clean_line

BELL: Final = "\a"
MOST_CHARACTERS: Final = 160
ENDINGS: Final = frozenset({"finished", "failed", "crashed"})
"""States that are news; one who stopped a run knows."""
PLAIN_TERMINALS: Final = ("", "dumb", "linux", "vt")
"""Beginnings of TERM where an OSC could be printed instead of obeyed."""


class Notifier:
    """Watches the state of one run and says once when it has come to its end.

    A viewer writes what ``see`` returns to its terminal as it is: it moves no cursor and prints nothing.
    """

    def __init__(self, name: str, environment: Mapping[str, str] = os.environ) -> None:
        self._name = name
        self._environment = environment
        self._before = ""

    def see(self, state: str, message: str = "") -> str:
        """The present state; the answer is empty unless the run has ended since the last call."""
        before, self._before = self._before, state
        if state not in ENDINGS or before in {"", state}:
            return ""
        return sequence(f"{self._name}: {state}" + (f": {message}" if message else ""), self._environment)


def sequence(text: str, environment: Mapping[str, str] = os.environ) -> str:
    """The bell, and ``text`` as a notification where the terminal is likely to know what that is.

    Inside tmux the notification is wrapped to be passed on (``allow-passthrough``); the bell goes through by itself.
    """
    terminal = environment.get("TERM", "")
    if any(terminal == plain or (plain and terminal.startswith(plain)) for plain in PLAIN_TERMINALS):
        return BELL
    words = clean_line(text)[:MOST_CHARACTERS]
    notification = f"\x1b]9;{words}\x07"
    if environment.get("TMUX"):
        notification = "\x1bPtmux;" + notification.replace("\x1b", "\x1b\x1b") + "\x1b\\"
    return BELL + notification
