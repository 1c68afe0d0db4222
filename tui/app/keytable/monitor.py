"""Keys of the monitor and of its panes."""

from __future__ import annotations

from typing import Final

from tui.app.keytable.key import Key

_COMMANDS: Final = (
    Key("monitor", "q", "detach", "Detach", "Leave the monitor; the trainer goes on"),
    Key("monitor", "escape", "back", "Back", "Leave the cursor, the zoom, the pane, at last the monitor", footer=False),
    Key("monitor", "s", "stop", "Stop", "Stop the trainer after a save (asks first)"),
    Key("monitor", "p", "pause", "Pause", "Pause the trainer, or let it go on"),
    Key("monitor", "c", "checkpoint", "Save", "Save a checkpoint now"),
    Key("monitor", "v", "validate", "Validate", "Make validation samples now"),
    Key("monitor", "r", "learning_rate", "LR", "Change the learning rate (asks for it)"),
    Key("monitor", "i", "interval", "Intervals", "Change how often checkpoints or validations come", footer=False),
)
_PANES: Final = (
    Key("monitor", "w", "why", "Why", "Is it going well? All findings with reasons and remedies"),
    Key("monitor", "1", "show('charts')", "Charts", "Charts over the whole width", footer=False),
    Key("monitor", "2", "show('events')", "Events", "Checkpoints, samples, warnings, who changed what", footer=False),
    Key("monitor", "3", "show('log')", "Log", "What the trainer prints", footer=False),
    Key("monitor", "4", "show('samples')", "Samples", "Validation samples as pictures", footer=False),
    Key(
        "monitor",
        "O",
        "overlay",
        "Compare",
        "Lay the curves of another run over these, or take them away",
        footer=False,
    ),
    Key("monitor", "e", "export", "Export", "Write what is shown as PNG and CSV", footer=False),
    Key("monitor", "y", "copy", "Copy", "Copy the path of the sample, of the run, or the line found", footer=False),
)
_CHARTS: Final = (
    Key("charts", "tab", "next_chart(1)", "Next chart", "Show the next metric", shown="Tab"),
    Key("charts", "shift+tab", "next_chart(-1)", "Previous", "Show the previous metric", footer=False, shown="S-Tab"),
    Key("charts", "m,enter", "maximize", "One/all", "One chart over all the room, or as many as fit", footer=False),
    Key("charts", "left,h", "cursor(-1)", "Read left", "Read values: move the cursor of all charts", footer=False),
    Key(
        "charts", "right", "cursor(1)", "Read right", "The same to the right; at the end it is taken away", footer=False
    ),
    Key("charts", "shift+left,H", "cursor(-10)", "Far left", "Ten columns to the left", footer=False, shown="S-←"),
    Key("charts", "shift+right,L", "cursor(10)", "Far right", "Ten columns to the right", footer=False, shown="S-→"),
    Key("charts", "z", "zoom(0.5)", "Zoom", "Half as many steps around the cursor, or the newest ones"),
    Key("charts", "Z", "zoom(2.0)", "Zoom out", "Twice as many steps", footer=False),
    Key("charts", "0", "whole", "Whole run", "All steps again", footer=False),
    Key("charts", "less_than_sign,comma", "pan(-0.25)", "Earlier", "Move to earlier steps", footer=False, shown="<"),
    Key("charts", "greater_than_sign,full_stop", "pan(0.25)", "Later", "Move to later steps", footer=False, shown=">"),
    Key("charts", "l", "log_scale", "Log y", "Logarithmic y axis, where all is positive", footer=False),
    Key("charts", "o", "outliers", "Outliers", "Leave the outermost values out of the y range, or not", footer=False),
    Key("charts", "g", "guides", "Guides", "Show or hide what happened at which step", footer=False),
    Key("charts", "plus,equals_sign", "smooth(1)", "Smoother", "Smoother mean line", footer=False),
    Key("charts", "minus", "smooth(-1)", "Rougher", "Mean line closer to the values", footer=False),
)
_LISTS: Final = (
    Key("log", "slash", "search", "Find", "Look for words in the log"),
    Key("log", "n", "find(1)", "Next", "The next line that holds them", footer=False),
    Key("log", "N", "find(-1)", "Previous", "The line before that holds them", footer=False),
    Key("log", "f", "level", "Level", "All lines, warnings and errors, errors"),
    Key("samples", "left,h", "step(-1)", "Earlier", "The sample of an earlier step", shown="←"),
    Key("samples", "right", "step(1)", "Later", "The sample of a later step", shown="→"),
    Key("samples", "up,k", "prompt(-1)", "Previous", "The sample before in the configuration", footer=False, shown="↑"),
    Key("samples", "down,j", "prompt(1)", "Next", "The next sample in the configuration", shown="↓"),
    Key("samples", "enter", "full", "Full picture", "In full quality, where the terminal has kitty graphics or sixel"),
)
_FINDINGS: Final = (Key("findings", "escape,q,enter,w", "close", "Close", "Back to the monitor", shown="Esc"),)
KEYS: Final[tuple[Key, ...]] = _COMMANDS + _PANES + _CHARTS + _LISTS + _FINDINGS
TITLES: Final = {
    "monitor": "Monitor",
    "charts": "Charts",
    "log": "Log",
    "samples": "Samples",
    "findings": "Findings",
}
