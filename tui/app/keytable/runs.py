"""Keys of the list of runs and of the log."""

from __future__ import annotations

from typing import Final

from tui.app.keytable.key import Key

KEYS: Final[tuple[Key, ...]] = (
    Key("runs", "enter,m", "watch", "Watch", "Open the monitor on the highlighted run", shown="Enter"),
    Key("runs", "t", "resume", "Resume", "Go on training the highlighted run"),
    Key("runs", "space", "mark", "Mark", "Mark the run, to be compared with others"),
    Key("runs", "c", "compare", "Compare", "The highlighted run with the marked ones laid over it"),
    Key("runs", "l", "log", "Log", "The end of the trainer's log, as it grows"),
    Key("runs", "e", "edit", "Config", "Open the run's configuration"),
    Key("runs", "delete,D", "delete", "Delete", "Delete the run, after a question; never a living one", shown="Del"),
    Key("runs", "r", "reload", "Reload", "Look again now", footer=False),
    Key("runs", "escape,q", "leave", "Back", "Back to where you came from"),
    Key("runlog", "escape,q", "leave", "Back", "Back to where you came from"),
)
TITLES: Final = {"runs": "Runs", "runlog": "Log of a run"}
