"""What can be said of a run that has ended before its loss could be judged."""

from __future__ import annotations

from typing import Final

from tui.charts.series import Series
from tui.charts.ticks import short
from tui.monitor.trend import mean_between

ENDED: Final = frozenset({"finished", "stopped", "failed", "crashed"})
LEAST: Final = 4
"""Steps: of fewer nothing is said but that they are few."""


def brief(loss: Series | None, last: int) -> tuple[str, str]:
    """Words and reason: the means of the first and the last quarter of the steps, and that this is all."""
    if loss is None or not last:
        return "ended before its first step", "there is nothing to judge"
    few = f"{last} step{'s' if last > 1 else ''}"
    part = max(1, last // 4)
    before, after = mean_between(loss, 0, part), mean_between(loss, last - part + 1, last)
    if last < LEAST or before is None or after is None:
        return f"ended after {few}: too short to judge", ""
    moved = "fell" if after < before else "rose"
    words = f"the loss {moved} from {short(before)} to {short(after)} over {few}; too short to judge further"
    return words, f"means of the first and the last {part} of them"
