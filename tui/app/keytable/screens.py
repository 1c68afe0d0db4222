"""Keys of the target-module tree, the hardware screen and the doctor."""

from __future__ import annotations

from typing import Final

from tui.app.keytable.key import Key

KEYS: Final[tuple[Key, ...]] = (
    Key("targets", "space", "switch", "On/off", "Give all modules of the line an adapter, or none of them"),
    Key("targets", "enter,right,l", "open", "Open", "Show what is inside the line", shown="→"),
    Key("targets", "left,h", "close", "Shut", "Hide what is inside, then go to the line above", shown="←"),
    Key("targets", "v", "group('video')", "Video", "Only the video's attention"),
    Key("targets", "s", "group('audio')", "Sound", "Only the sound's attention"),
    Key("targets", "c", "group('bridge')", "Cross", "Only the attention between video and sound"),
    Key("targets", "f", "feed_forward", "Feed-fwd", "With or without the feed-forward layers of what is chosen"),
    Key("targets", "p", "pattern", "Pattern", "Type a pattern and see what it hits"),
    Key("targets", "delete,D", "remove", "Remove", "Take out the pattern under the cursor", footer=False, shown="Del"),
    Key("targets", "plus,equals_sign", "rank(1)", "Rank +", "Twice the rank", footer=False),
    Key("targets", "minus", "rank(-1)", "Rank -", "Half the rank", footer=False),
    Key("targets", "u", "undo", "Undo", "Take back the last change", footer=False),
    Key("targets", "ctrl+r,U", "redo", "Redo", "Do again what was taken back", footer=False),
    Key("targets", "escape,q", "back", "Back", "Back to where you came from"),
    Key("hardware", "enter,space", "choose", "Choose", "Set the draft up for the highlighted card"),
    Key("hardware", "right,plus", "bump(1)", "More", "Next choice, or a larger number", footer=False, shown="→"),
    Key("hardware", "left,minus", "bump(-1)", "Less", "Previous choice, or a smaller number", footer=False, shown="←"),
    Key("hardware", "f", "fit", "Make it fit", "Propose changes with which the run fits the card"),
    Key("hardware", "w", "wish", "Wish", "Prefer speed, or prefer quality", footer=False),
    Key("hardware", "u", "undo", "Undo", "Take back the last change"),
    Key("hardware", "ctrl+r,U", "redo", "Redo", "Do again what was taken back", footer=False),
    Key("hardware", "escape,q", "back", "Back", "Back to where you came from"),
    Key("proposals", "enter,space", "accept", "Apply", "Make these changes"),
    Key("proposals", "escape,q", "cancel", "Cancel", "Change nothing"),
    Key("doctor", "r", "again", "Again", "Look again"),
    Key("doctor", "escape,q,enter", "back", "Back", "Back to where you came from"),
)
TITLES: Final = {"targets": "Target modules", "hardware": "Hardware", "proposals": "Making it fit", "doctor": "Doctor"}
