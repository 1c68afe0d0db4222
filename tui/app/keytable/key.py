"""One key: what it does, where, and under which name."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Key:
    """One action a person can take with a key."""

    context: str
    """Where it works: the name of a screen or dialog."""
    keys: str
    """Key names of Textual, separated by commas; the first one is shown."""
    action: str
    label: str
    """One or two words for the footer."""
    help: str
    """One line for the help screen."""
    footer: bool = True
    shown: str = ""
    """How the key is written for people; empty: as Textual names it."""

    @property
    def id(self) -> str:
        """The name under which a user's keymap can replace the keys."""
        return f"{self.context}.{self.action.replace('(', '.').replace(')', '').replace(chr(39), '')}"

    @property
    def display(self) -> str:
        """The key as people read it."""
        return self.shown or _SPELLING.get(first := self.keys.split(",")[0], first)


_SPELLING: Final = {
    "question_mark": "?",
    "slash": "/",
    "escape": "Esc",
    "enter": "Enter",
    "space": "Space",
    "plus": "+",
    "minus": "-",
    "tab": "Tab",
    "ctrl+s": "^s",
    "ctrl+q": "^q",
    "ctrl+r": "^r",
    "ctrl+l": "^l",
    "ctrl+p": "^p",
    "f1": "F1",
    "f2": "F2",
    "f4": "F4",
    "f5": "F5",
    "f9": "F9",
    "backspace": "Bksp",
    "left": "←",
    "right": "→",
    "up": "↑",
    "down": "↓",
}
