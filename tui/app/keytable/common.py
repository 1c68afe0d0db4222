"""Keys that work on every screen, in lists and in dialogs."""

from __future__ import annotations

from typing import Final

from tui.app.keytable.key import Key

KEYS: Final[tuple[Key, ...]] = (
    Key("app", "f1,question_mark", "help", "Help", "Show the keys that work here", shown="?"),
    Key("app", "ctrl+p,colon", "palette", "Commands", "Find anything to do here, or a field, by name", shown=":"),
    Key("app", "f4", "theme", "Colours", "Dark, light, or the terminal's own colours; remembered", footer=False),
    Key("app", "ctrl+q", "leave", "Quit", "Leave the program; running trainers go on", footer=False),
    Key("app", "ctrl+l", "repaint", "Repaint", "Draw the whole screen again", footer=False),
    Key("list", "down,j", "move(1)", "Down", "Next line", footer=False, shown="↓ j"),
    Key("list", "up,k", "move(-1)", "Up", "Previous line", footer=False, shown="↑ k"),
    Key("list", "pagedown,ctrl+d", "page(1)", "Page down", "One page down", footer=False, shown="PgDn"),
    Key("list", "pageup,ctrl+u", "page(-1)", "Page up", "One page up", footer=False, shown="PgUp"),
    Key("list", "home,g", "edge(-1)", "First", "First line", footer=False, shown="Home g"),
    Key("list", "end,G", "edge(1)", "Last", "Last line", footer=False, shown="End G"),
    Key("dialog", "escape,q,enter", "cancel", "Cancel", "Close without doing anything"),
    Key("confirm", "y", "answer(True)", "Yes", "Yes"),
    Key("confirm", "n,escape,q", "answer(False)", "No", "No"),
    Key("help", "escape,q,enter,question_mark,f1", "dismiss", "Close", "Close the help", shown="Esc"),
    Key("picker", "enter", "accept", "Choose", "Take the highlighted line"),
    Key("picker", "escape", "cancel", "Cancel", "Choose nothing"),
    Key("picker", "down", "move(1)", "Down", "Next line", footer=False),
    Key("picker", "up", "move(-1)", "Up", "Previous line", footer=False),
    Key("picker", "pagedown", "page(1)", "Page down", "One page down", footer=False),
    Key("picker", "pageup", "page(-1)", "Page up", "One page up", footer=False),
)
TITLES: Final = {
    "app": "Everywhere",
    "list": "Lists",
    "dialog": "Dialogs",
    "confirm": "Questions",
    "help": "Help",
    "picker": "Choosing",
}
