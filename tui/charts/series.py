"""One metric over steps as charts see it: its bins, and the running mean over them."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Final

from trainer.rundir.columns import Column, Columns

_NOTHING: Final = Column()


@dataclass(frozen=True, slots=True)
class Reading:
    """What a series says at a step."""

    step: int
    """First step of the bin that was read."""
    value: float
    """Mean of the bin; NaN when nothing finite is in it."""
    smooth: float


@dataclass(slots=True)
class Series:
    """A metric of ``columns``, with an exponential mean that is worked out as far as it is asked for."""

    columns: Columns = field(default_factory=Columns)
    name: str = "value"
    smoothing: float = 0.9
    """Weight that the running mean keeps per value, in [0, 1)."""
    _smooth: list[float] = field(default_factory=list)
    """The mean at the end of each bin; NaN while there is none."""
    _sums: list[tuple[float, float]] = field(default_factory=list)
    """Mean times weight, and weight, at the end of each bin: going on from there, nothing is rounded twice."""
    _known: tuple[object, ...] = ()

    @property
    def bins(self) -> Column:
        """The values by bin; empty when the metric was never recorded."""
        return self.columns.by_name.get(self.name, _NOTHING)

    @property
    def width(self) -> int:
        """Steps per bin, a power of two."""
        return self.columns.width

    @property
    def last(self) -> float | None:
        """The newest value."""
        bins = self.bins
        return bins.last if len(bins) else None

    @property
    def last_step(self) -> int | None:
        """Its step."""
        bins = self.bins
        return bins.last_step if len(bins) else None

    @property
    def generation(self) -> tuple[object, ...]:
        """Changes when anything but the newest bin has changed: what was derived from older bins is then void."""
        return self.columns.cuts, self.columns.width, self.smoothing

    def add(self, step: int, value: float) -> None:
        """Record a value at a step (>= 0)."""
        self.columns.take([(step, {self.name: value})])

    def refresh_smooth(self) -> list[float]:
        """Bring the running mean up to date from the first bin on that may have changed, and return it.

        Over a bin of n values with mean m the mean moves as it would over n values equal to m,
        ``s = s d^n + m (1 - d^n)``; dividing by the weights collected so far removes the pull of the start (the bias
        correction of Adam, Kingma and Ba 2015, section 3).
        """
        known = self.generation
        start = max(0, len(self._smooth) - 1) if known == self._known else 0
        self._known = known
        del self._smooth[start:], self._sums[start:]
        value, weight = self._sums[-1] if self._sums else (0.0, 0.0)
        bins = self.bins
        for count, total in zip(bins.count[start:], bins.total[start:], strict=True):
            if count:
                keep = self.smoothing**count
                value = value * keep + total / count * (1 - keep)
                weight = weight * keep + (1 - keep)
            self._smooth.append(value / weight if weight else math.nan)
            self._sums.append((value, weight))
        return self._smooth

    def at(self, step: int) -> Reading | None:
        """The newest bin that holds anything at or before ``step``; None when there is none."""
        bins, smooth = self.bins, self.refresh_smooth()
        for index in range(min(step // self.width, len(bins) - 1), -1, -1):
            if bins.count[index] or bins.bad[index]:
                value = bins.total[index] / bins.count[index] if bins.count[index] else math.nan
                return Reading(index * self.width, value, smooth[index])
        return None
