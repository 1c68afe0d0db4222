"""Keys of the home screen."""

from __future__ import annotations

from typing import Final

from tui.app.keytable.key import Key

KEYS: Final[tuple[Key, ...]] = (
    Key("home", "enter", "choose", "Open", "Open the highlighted line"),
    Key("home", "n", "new", "New", "Make a new configuration"),
    Key("home", "e", "edit", "Edit file", "Edit a configuration file"),
    Key("home", "m", "monitor", "Monitor", "Watch a run by its directory"),
    Key("home", "r", "reload", "Reload", "Look again for runs and files", footer=False),
    Key("home", "q,escape", "leave", "Quit", "Leave the program; running trainers go on"),
)
TITLES: Final = {
    "home": "Home",
}
