"""Keys of the guided path, its steps and the preparation of data."""

from __future__ import annotations

from typing import Final

from tui.app.keytable.key import Key

_STEPS: Final = (
    "goal",
    "model",
    "data",
    "conditions",
    "targets",
    "hardware",
    "optimization",
    "validation",
    "logging",
    "review",
)
"""A digit for each step; the tenth has 0."""

KEYS: Final[tuple[Key, ...]] = (
    Key("guide", "tab", "step(1)", "Next", "Next step"),
    Key("guide", "shift+tab", "step(-1)", "Back", "Previous step; nothing ever blocks it", footer=False, shown="S-Tab"),
    Key("guide", "escape", "retreat", "Back", "Close the filter; else the previous step", footer=False),
    Key("guide", "f9", "launch", "Train", "Check, save, train and monitor; lists what is in the way"),
    Key("guide", "ctrl+s", "save", "Save", "Write the file"),
    Key("guide", "S", "save_as", "Save as", "Write the file under another name", footer=False),
    Key("guide", "q", "close", "Close", "Leave the guide; asks when something is not saved"),
    *(
        Key("guide", str((number + 1) % 10), f"go('{name}')", name.capitalize(), f"Step {number + 1}", footer=False)
        for number, name in enumerate(_STEPS)
    ),
    Key("goal", "enter", "choose", "Choose", "Take the highlighted goal and go on"),
    Key("goal", "u", "undo", "Undo", "Take back the last change"),
    Key("goal", "ctrl+r,U", "redo", "Redo", "Do again what was taken back", footer=False),
    Key("lora", "e", "fields", "Fields", "Rank, alpha and dropout as fields"),
    Key("model", "enter", "edit", "Edit", "Edit the field"),
    Key("model", "r", "again", "Look again", "Read the model files again"),
    Key("data", "enter", "edit", "Edit", "Edit the field"),
    Key("data", "p", "prepare", "Prepare", "Turn the dataset file into training data"),
    Key("data", "r", "again", "Look again", "Look at the data again"),
    Key("gate", "enter", "accept", "Mend it", "Go to the highlighted thing"),
    Key("gate", "escape,q", "cancel", "Back", "Back to where you were"),
    Key("prepare", "enter", "edit", "Edit", "Edit the option; add to a list"),
    Key("prepare", "f9,s", "start", "Start", "Start preparing with these options", shown="s"),
    Key("prepare", "space", "flip", "Toggle", "Switch a yes/no option", footer=False),
    Key("prepare", "right,plus", "bump(1)", "More", "Next choice, or a larger number", footer=False, shown="→"),
    Key("prepare", "left,minus", "bump(-1)", "Less", "Previous choice, or a smaller number", footer=False, shown="←"),
    Key("prepare", "d", "reset", "Default", "Set the option back to its default"),
    Key("prepare", "u", "undo", "Undo", "Take back the last change"),
    Key("prepare", "ctrl+r,U", "redo", "Redo", "Do again what was taken back", footer=False),
    Key("prepare", "slash", "filter", "Find", "Show only options whose name or text matches"),
    Key("prepare", "a", "advanced", "Advanced", "Show or hide advanced options", footer=False),
    Key("prepare", "n", "next_error", "Next error", "Go to the next error", footer=False),
    Key("prepare", "escape", "retreat", "Clear", "Leave the filter, then the form", footer=False),
    Key("prepare", "q", "close", "Back", "Back to where you came from"),
    Key("working", "x", "stop", "Cancel", "End the process; what is done so far is kept"),
    Key("working", "n", "use", "Use it", "A new configuration that trains on what was prepared"),
    Key("working", "escape,q,enter", "close", "Back", "Leave it running and come back later", shown="Esc"),
)
TITLES: Final = {
    "guide": "The guided path",
    "goal": "Goal",
    "lora": "Target modules on the path",
    "model": "Model files",
    "data": "Data",
    "gate": "What is in the way",
    "prepare": "Preparing data",
    "working": "A process beside the app",
}
