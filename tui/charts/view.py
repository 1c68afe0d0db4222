"""Where steps and values come to lie in a picture made of dots, 2 x 4 to a terminal cell."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from tui.charts.ticks import grown_domain, nice_range

LARGEST: Final = 1e300
"""Values beyond are drawn at the edge: the difference of two of them would be infinite."""
SMALLEST_WINDOW: Final = 16
"""Steps: closer than this there is nothing more to see."""


@dataclass(frozen=True, slots=True)
class Window:
    """A part of the steps. Two equal windows of the same data are drawn alike, so that little is repainted."""

    start: int
    steps: int

    @property
    def end(self) -> int:
        """One past the last step."""
        return self.start + self.steps

    @classmethod
    def whole(cls, last_step: int) -> Window:
        """Everything up to ``last_step``, with some room to grow."""
        return cls(0, grown_domain(max(1, last_step + 1)))

    @classmethod
    def newest(cls, steps: int, last_step: int) -> Window:
        """About the newest ``steps``; it moves on by a quarter of its width at a time."""
        jump = max(1, steps // 4)
        return cls(max(0, -(-(last_step + 1 - steps) // jump) * jump), steps)

    def zoomed(self, factor: float, centre: int) -> Window:
        """``factor`` times as wide, with ``centre`` where it was on the screen."""
        steps = max(SMALLEST_WINDOW, round(self.steps * factor))
        share = (centre - self.start) / self.steps
        return Window(max(0, round(centre - share * steps)), steps)

    def panned(self, share: float, last_step: int) -> Window:
        """Moved by a share of its width, never beyond either end of the data."""
        start = self.start + round(share * self.steps)
        return Window(max(0, min(start, last_step + 1 - self.steps // 2)), self.steps)


@dataclass(frozen=True, slots=True)
class View:
    """The mapping from steps and values to dots. Two equal views draw equal columns from equal data."""

    columns: int
    rows: int
    """Size in cells."""
    start: int
    domain: int
    """First step and number of steps across the whole width."""
    low: float
    high: float
    tick: float
    """Range and distance of labels on the y axis, in log10 when ``log``, after scaling."""
    log: bool = False
    scale: float = 1.0
    """What values are multiplied with to get to the unit of the y axis."""

    def column_of(self, step: int) -> int:
        """Dot column of a step; may lie outside."""
        return (step - self.start) * self.columns * 2 // self.domain

    def step_of(self, cell: int) -> int:
        """First step of a column of cells."""
        return self.start + -(-cell * self.domain // self.columns)

    def row_of(self, value: float) -> int:
        """Dot row of a value counted from the top, kept inside the picture."""
        value *= self.scale
        if self.log:
            value = math.log10(value) if value > 0 else self.low
        height = self.rows * 4 - 1
        return min(height, max(0, height - round((value - self.low) / (self.high - self.low) * height)))


def value_range(lows: Iterable[float], highs: Iterable[float], *, robust: bool = False) -> tuple[float, float] | None:
    """Lowest and highest of many ranges; ``robust`` leaves out the outer two percent of them on either side."""
    low, high = sorted(lows), sorted(highs)
    if not low or not high:
        return None
    skip = max(1, len(low) // 50) if robust and len(low) > 10 else 0
    return low[skip], high[-1 - skip]


def make_view(
    columns: int,
    rows: int,
    window: Window,
    bounds: tuple[float, float],
    *,
    log: bool = False,
    floor: float | None = None,
    scale: float = 1.0,
    ticks: int | None = None,
) -> View:
    """A view of ``bounds``, moved outwards to round numbers. ``floor`` is the lowest positive value, for ``log``.

    ``ticks``: at most so many pieces of the y axis; by default one per three rows.
    """
    low, high = (max(-LARGEST, min(LARGEST, bound * scale)) for bound in bounds)
    log = log and high > 0
    if log:
        low = low if low > 0 else (floor or bounds[1]) * scale
        low, high = math.log10(low), math.log10(high)
    low, high, tick = nice_range(low, high, ticks or max(2, rows // 3))
    return View(columns, rows, window.start, window.steps, low, high, tick, log, scale)
