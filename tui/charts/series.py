"""A metric over steps, kept in a bounded number of bins whatever the length of the run.

A bin covers ``width`` consecutive steps and holds minimum, maximum, mean, count and how many values were not finite.
``width`` starts at one step and doubles, by merging pairs, when the bins run out, so a run of a million steps costs
as much as one of a few thousand and a bin never moves: what was drawn stays drawn.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

CAPACITY = 4096
"""Most bins kept; at least eight for every column of a wide terminal's chart."""


@dataclass(slots=True)
class Bin:
    """What is known of ``width`` steps; minimum > maximum while no finite value has come."""

    low: float = math.inf
    high: float = -math.inf
    total: float = 0.0
    count: int = 0
    bad: int = 0

    def add(self, value: float) -> None:
        """Count one value; a value that is not finite is counted apart and touches nothing else."""
        if value - value != 0.0:  # only NaN and the infinities; a long history makes this the busiest line of all
            self.bad += 1
            return
        if value < self.low:
            self.low = value
        if value > self.high:
            self.high = value
        self.total += value
        self.count += 1

    def merged(self, other: Bin) -> Bin:
        """This bin and its right neighbour as one."""
        return Bin(
            self.low if self.low < other.low else other.low,
            self.high if self.high > other.high else other.high,
            self.total + other.total,
            self.count + other.count,
            self.bad + other.bad,
        )

    @property
    def empty(self) -> bool:
        """True when nothing was recorded, not even a value that is not finite."""
        return self.count == 0 and self.bad == 0


@dataclass(slots=True)
class Series:
    """Values of one metric by step; steps arrive in order, and going back cuts what lay behind."""

    smoothing: float = 0.9
    """Weight that the running mean keeps per step, in [0, 1)."""
    width: int = 1
    """Steps per bin, a power of two."""
    last: float | None = None
    last_step: int | None = None
    bins: list[Bin] = field(default_factory=list)
    smooth: list[float] = field(default_factory=list)
    """The exponential mean at the end of each bin; NaN while there is none."""
    _weights: list[float] = field(default_factory=list)
    _smooth_from: int = 0

    def add(self, step: int, value: float) -> None:
        """Record ``value`` at ``step`` (>= 0). A step at or before the last one replaces everything from there on."""
        if self.last_step is not None and step <= self.last_step:
            self.cut(step)
        index = step // self.width
        while index >= CAPACITY:
            self._halve()
            index = step // self.width
        bins = self.bins
        while len(bins) <= index:
            bins.append(Bin())
        bins[index].add(value)
        if index < self._smooth_from:
            self._smooth_from = index
        self.last, self.last_step = value, step

    def cut(self, step: int) -> None:
        """Forget ``step`` and everything after it; a wider bin that holds the step is forgotten whole."""
        del self.bins[step // self.width :]
        self._smooth_from = min(self._smooth_from, len(self.bins))
        self.last = None
        self.last_step = len(self.bins) * self.width - 1 if self.bins else None

    def set_smoothing(self, smoothing: float) -> None:
        """Change the running mean; it is worked out anew at the next look."""
        self.smoothing = smoothing
        self._smooth_from = 0

    def refresh_smooth(self) -> list[float]:
        """Bring the running mean up to date from the first changed bin on, and return it.

        Over a bin of n values with mean m the mean moves as it would over n values equal to m,
        ``s = s d^n + m (1 - d^n)``; dividing by the weights collected so far removes the pull of the start (the bias
        correction of Adam, Kingma and Ba 2015, section 3).
        """
        del self.smooth[self._smooth_from :], self._weights[self._smooth_from :]
        weight = self._weights[-1] if self._weights else 0.0
        value = self.smooth[-1] * weight if weight else 0.0
        for bin_ in self.bins[self._smooth_from :]:
            if bin_.count:
                keep = self.smoothing**bin_.count
                value = value * keep + bin_.total / bin_.count * (1 - keep)
                weight = weight * keep + (1 - keep)
            self.smooth.append(value / weight if weight else math.nan)
            self._weights.append(weight)
        self._smooth_from = len(self.bins)
        return self.smooth

    def bounds(self, *, robust: bool = False) -> tuple[float, float] | None:
        """Lowest and highest finite value; ``robust`` leaves out the outer two percent of bins on either side."""
        lows = [bin_.low for bin_ in self.bins if bin_.count]
        if not lows:
            return None
        highs = [bin_.high for bin_ in self.bins if bin_.count]
        if not robust:
            return min(lows), max(highs)
        skip = max(1, len(lows) // 50) if len(lows) > 10 else 0
        return sorted(lows)[skip], sorted(highs)[-1 - skip]

    def _halve(self) -> None:
        """Make every bin twice as wide."""
        padded = [*self.bins, Bin()] if len(self.bins) % 2 else self.bins
        self.bins = [left.merged(right) for left, right in zip(padded[::2], padded[1::2], strict=True)]
        self.width *= 2
        self._smooth_from = 0
