"""Keys of the home screen."""

from __future__ import annotations

from typing import Final

from tui.app.keytable.key import Key

KEYS: Final[tuple[Key, ...]] = (
    Key("home", "enter", "choose", "Open", "Open the highlighted line"),
    Key("home", "n", "new", "New", "Make a new configuration step by step"),
    Key("home", "c", "resume", "Continue", "Continue the draft that was not saved", footer=False),
    Key("home", "p", "preset", "Preset", "Start from a preset, straight to all its fields"),
    Key("home", "e", "edit", "Edit", "Edit a configuration file"),
    Key("home", "d", "duplicate", "Duplicate", "Edit a copy of a configuration file"),
    Key("home", "s", "steps", "Steps", "Go through the highlighted configuration step by step", footer=False),
    Key("home", "m", "monitor", "Monitor", "Watch a run by its directory"),
    Key("home", "a", "runs", "All runs", "State, curve, size of every run; go on, compare, delete", footer=False),
    Key("home", "delete,D", "drop", "Drop", "Throw the highlighted draft away", footer=False, shown="Del"),
    Key("home", "r", "reload", "Reload", "Look again for runs and files", footer=False),
    Key("home", "q,escape", "leave", "Quit", "Leave the program; running trainers go on"),
)
TITLES: Final = {
    "home": "Home",
}
