"""The one table of keys: what each does, where, and under which name. Bindings, footer and help are read from it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from textual.binding import Binding, BindingType


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
    "f1": "F1",
    "f2": "F2",
    "f5": "F5",
    "f9": "F9",
    "backspace": "Bksp",
    "left": "←",
    "right": "→",
    "up": "↑",
    "down": "↓",
}

KEYS: Final[tuple[Key, ...]] = (
    Key("app", "f1,question_mark", "help", "Help", "Show the keys that work here", shown="?"),
    Key("app", "ctrl+q", "leave", "Quit", "Leave the program; running trainers go on", footer=False),
    Key("app", "ctrl+l", "repaint", "Repaint", "Draw the whole screen again", footer=False),
    Key("list", "down,j", "move(1)", "Down", "Next line", footer=False, shown="↓ j"),
    Key("list", "up,k", "move(-1)", "Up", "Previous line", footer=False, shown="↑ k"),
    Key("list", "pagedown,ctrl+d", "page(1)", "Page down", "One page down", footer=False, shown="PgDn"),
    Key("list", "pageup,ctrl+u", "page(-1)", "Page up", "One page up", footer=False, shown="PgUp"),
    Key("list", "home,g", "edge(-1)", "First", "First line", footer=False, shown="Home g"),
    Key("list", "end,G", "edge(1)", "Last", "Last line", footer=False, shown="End G"),
    Key("home", "enter", "choose", "Open", "Open the highlighted line"),
    Key("home", "n", "new", "New", "Make a new configuration"),
    Key("home", "e", "edit", "Edit file", "Edit a configuration file"),
    Key("home", "m", "monitor", "Monitor", "Watch a run by its directory"),
    Key("home", "r", "reload", "Reload", "Look again for runs and files", footer=False),
    Key("home", "q,escape", "leave", "Quit", "Leave the program; running trainers go on"),
    Key("monitor", "q,escape", "detach", "Detach", "Leave the monitor; the trainer goes on"),
    Key("monitor", "s", "stop", "Stop", "Stop the trainer after a save (asks first)"),
    Key("monitor", "p", "pause", "Pause", "Pause the trainer, or let it go on"),
    Key("monitor", "c", "checkpoint", "Checkpoint", "Save a checkpoint now"),
    Key("monitor", "v", "validate", "Validate", "Run validation now"),
    Key("monitor", "tab,right", "next_chart(1)", "Next chart", "Show the next metric", shown="Tab"),
    Key(
        "monitor",
        "shift+tab,left",
        "next_chart(-1)",
        "Previous chart",
        "Show the previous metric",
        footer=False,
        shown="S-Tab",
    ),
    Key("monitor", "1", "show('charts')", "Charts", "Charts over the whole width", footer=False),
    Key("monitor", "2", "show('events')", "Events", "Checkpoints, samples, warnings", footer=False),
    Key("monitor", "3", "show('log')", "Log", "What the trainer prints", footer=False),
    Key("monitor", "l", "log_scale", "Log y", "Logarithmic y axis, where all is positive", footer=False),
    Key("monitor", "o", "outliers", "Outliers", "Leave the outermost values out of the y range, or not", footer=False),
    Key("monitor", "plus,equals_sign", "smooth(1)", "Smoother", "Smoother mean line", footer=False),
    Key("monitor", "minus", "smooth(-1)", "Rougher", "Mean line closer to the values", footer=False),
    Key("grid", "enter", "edit", "Edit", "Edit the field; go into a section; add to a list"),
    Key("grid", "space", "flip", "Toggle", "Switch a yes/no field or a section; the next choice", footer=False),
    Key("grid", "right,plus", "bump(1)", "More", "Next choice, or a larger number", footer=False, shown="→"),
    Key("grid", "left,minus", "bump(-1)", "Less", "Previous choice, or a smaller number", footer=False, shown="←"),
    Key("grid", "d", "reset", "Default", "Set the field back to its default"),
    Key("grid", "u", "undo", "Undo", "Take back the last change"),
    Key("grid", "ctrl+r,U", "redo", "Redo", "Do again what was taken back", footer=False),
    Key("grid", "slash", "filter", "Find", "Show only fields whose name or text matches"),
    Key("grid", "a", "advanced", "Advanced", "Show or hide advanced fields"),
    Key("grid", "x", "only_errors", "Errors", "Show only fields with errors", footer=False),
    Key("grid", "m", "only_changed", "Changed", "Show only fields that differ from the default", footer=False),
    Key("grid", "n", "next_error", "Next error", "Go to the next error", footer=False),
    Key(
        "grid",
        "delete,D",
        "remove",
        "Remove",
        "Remove the list item, or set an optional part to null",
        footer=False,
        shown="Del",
    ),
    Key("grid", "J,shift+down", "shift(1)", "Item down", "Move the list item down", footer=False, shown="J"),
    Key("grid", "K,shift+up", "shift(-1)", "Item up", "Move the list item up", footer=False, shown="K"),
    Key("grid", "e", "memory", "Memory", "What it needs of the card, and what to change so that it fits"),
    Key("grid", "y", "review", "Review", "Look at the YAML before saving", footer=False),
    Key("grid", "ctrl+s,w", "save", "Save", "Write the file", shown="w"),
    Key("grid", "f9,t", "launch", "Train", "Check, train and monitor", shown="t"),
    Key("grid", "escape", "clear", "Clear", "Leave the filter, then the wizard", footer=False),
    Key("grid", "q", "close", "Close", "Leave the wizard; asks when something is not saved"),
    Key("review", "ctrl+s,w", "save", "Save", "Write the file", shown="w"),
    Key("review", "f9,t", "launch", "Train", "Check, train and monitor", shown="t"),
    Key("review", "escape,q", "dismiss", "Back", "Back to the fields"),
    Key("dialog", "escape", "cancel", "Cancel", "Close without doing anything"),
    Key("editor", "enter", "accept", "OK", "Take the value"),
    Key("editor", "escape", "cancel", "Cancel", "Leave the value as it was"),
    Key("editor", "tab", "complete", "Complete", "Complete a path, where there is one to complete", footer=False),
    Key("text", "ctrl+s,f2", "accept", "OK", "Take the text", shown="F2"),
    Key("text", "escape", "cancel", "Cancel", "Leave the text as it was"),
    Key("picker", "enter", "accept", "Choose", "Take the highlighted line"),
    Key("picker", "escape", "cancel", "Cancel", "Choose nothing"),
    Key("picker", "down", "move(1)", "Down", "Next line", footer=False),
    Key("picker", "up", "move(-1)", "Up", "Previous line", footer=False),
    Key("picker", "pagedown", "page(1)", "Page down", "One page down", footer=False),
    Key("picker", "pageup", "page(-1)", "Page up", "One page up", footer=False),
    Key("confirm", "y", "answer(True)", "Yes", "Yes"),
    Key("confirm", "n,escape,q", "answer(False)", "No", "No"),
    Key("help", "escape,q,enter,question_mark,f1", "dismiss", "Close", "Close the help", shown="Esc"),
)
"""Every key of the program, grouped by context."""

TITLES: Final = {
    "app": "Everywhere",
    "list": "Lists",
    "home": "Home",
    "monitor": "Monitor",
    "grid": "Fields",
    "review": "Review",
    "dialog": "Dialogs",
    "editor": "Editing a value",
    "text": "Editing a text",
    "picker": "Choosing",
    "confirm": "Questions",
    "help": "Help",
}


def keys_of(*contexts: str) -> list[Key]:
    """The keys of some contexts in table order."""
    return [key for context in contexts for key in KEYS if key.context == context]


def bindings(*contexts: str) -> list[BindingType]:
    """Textual bindings for the keys of some contexts.

    None has priority: a key with priority would overtake keys typed before it that an input has still to take in.
    """
    return [Binding(key.keys, key.action, key.label, show=False, id=key.id) for key in keys_of(*contexts)]
