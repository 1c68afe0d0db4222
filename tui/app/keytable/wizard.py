"""Keys of the property grid, its editors and the review."""

from __future__ import annotations

from typing import Final

from tui.app.keytable.key import Key

KEYS: Final[tuple[Key, ...]] = (
    Key("grid", "enter", "edit", "Edit", "Edit the field; go into a section; add to a list"),
    Key("grid", "slash", "filter", "Find", "Show only fields whose name or text matches"),
    Key("grid", "y", "review", "Review", "The YAML as it will be written, what changes, the same as a command"),
    Key("grid", "ctrl+s,w", "save", "Save", "Write the file", shown="w"),
    Key("grid", "S", "save_as", "Save as", "Write the file under another name", footer=False),
    Key("grid", "f9,t", "launch", "Train", "Check, train and monitor", shown="t"),
    Key("grid", "q", "close", "Close", "Leave the wizard; asks when something is not saved"),
    Key("grid", "u", "undo", "Undo", "Take back the last change"),
    Key("grid", "d", "reset", "Default", "Set the field back to its default"),
    Key("grid", "i", "info", "Info", "All that is known about the field, on a page of its own"),
    Key("grid", "a", "advanced", "Advanced", "Show or hide advanced fields"),
    Key("grid", "e", "memory", "Memory", "What it needs of the card, and what to change so that it fits"),
    Key("grid", "f", "fit", "Make it fit", "Propose changes with which the run fits the card", footer=False),
    Key("grid", "space", "flip", "Toggle", "Switch a yes/no field or a section; the next choice", footer=False),
    Key("grid", "right,plus", "bump(1)", "More", "Next choice, or a larger number", footer=False, shown="→"),
    Key("grid", "left,minus", "bump(-1)", "Less", "Previous choice, or a smaller number", footer=False, shown="←"),
    Key("grid", "b", "restore", "Preset's", "Set the field back to what the preset or the file says", footer=False),
    Key("grid", "ctrl+r,U", "redo", "Redo", "Do again what was taken back", footer=False),
    Key("grid", "x", "only_errors", "Errors", "Show only fields with errors", footer=False),
    Key(
        "grid",
        "m",
        "only_changed",
        "Changed",
        "Show only fields that differ from the default, then from the preset or file",
        footer=False,
    ),
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
    Key("grid", "escape", "clear", "Clear", "Leave the filter, then the wizard", footer=False),
    Key("review", "ctrl+s,w", "save", "Save", "Write the file", shown="w"),
    Key("review", "S", "save_as", "Save as", "Write the file under another name", footer=False),
    Key("review", "f9,t", "launch", "Train", "Check, train and monitor", shown="t"),
    Key("review", "escape,q", "close", "Back", "Back to where you came from"),
    Key("review", "p", "view('preset')", "Preset", "What differs from the preset, or the whole file again"),
    Key("review", "o", "view('disk')", "On disk", "What saving changes in the file on disk, or the whole file again"),
    Key("review", "c", "view('command')", "Command", "The command line that writes the same file without a terminal"),
    Key("review", "y", "copy", "Copy", "Copy what is shown to the clipboard of the terminal, over SSH too (OSC 52)"),
    Key("review", "n", "mend", "Next error", "Go to the first field that is wrong", footer=False),
    Key("editor", "enter", "accept", "OK", "Take the value"),
    Key("editor", "escape", "cancel", "Cancel", "Leave the value as it was"),
    Key("editor", "tab", "complete", "Complete", "Complete a path; take the marked completion"),
    Key("editor", "down", "next(1)", "Next", "Mark the next completion; a smaller number", shown="↓"),
    Key(
        "editor", "up", "next(-1)", "Previous", "Mark the previous completion; a larger number", footer=False, shown="↑"
    ),
    Key("text", "ctrl+s,f2", "accept", "OK", "Take the text", shown="F2"),
    Key("text", "escape", "cancel", "Cancel", "Leave the text as it was"),
)
TITLES: Final = {
    "grid": "Fields",
    "review": "Review",
    "editor": "Editing a value",
    "text": "Editing a text",
}
