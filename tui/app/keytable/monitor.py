"""Keys of the monitor."""

from __future__ import annotations

from typing import Final

from tui.app.keytable.key import Key

KEYS: Final[tuple[Key, ...]] = (
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
)
TITLES: Final = {
    "monitor": "Monitor",
}
