"""The metrics of a run in a bounded number of bins, whatever its length; filled in bulk, stored as plain arrays.

All metrics share one bin width, a power of two, that doubles when the bins run out: a run of a million steps costs as
much memory as one of a few thousand. Values that are not finite are counted apart and poison nothing.
"""

from __future__ import annotations

import contextlib
import math
from array import array
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

CAPACITY: Final = 4096
"""Most bins of a metric."""
MOST_METRICS: Final = 256
"""More names than any trainer writes; a hostile log may invent new ones in every line."""
LARGEST_STEP: Final = 2**53
HUGE: Final = 1e100
"""No metric is this large; what is counts as not finite, since its sums and ranges would not be."""

Record = tuple[int, Mapping[str, Any]]
"""A step and its metrics."""


@dataclass(slots=True)
class Column:
    """One metric. Entry i of every array speaks of steps i*width .. (i+1)*width-1; low > high: no finite value."""

    low: array[float] = field(default_factory=lambda: array("d"))
    high: array[float] = field(default_factory=lambda: array("d"))
    total: array[float] = field(default_factory=lambda: array("d"))
    """Sum of the finite values; the mean is total / count."""
    count: array[int] = field(default_factory=lambda: array("I"))
    """Finite values."""
    bad: array[int] = field(default_factory=lambda: array("I"))
    """Values that were NaN, infinite or HUGE."""
    last: float = math.nan
    """The newest value."""
    last_step: int = -1
    """Its step; -1 while there is none."""

    def __len__(self) -> int:
        return len(self.low)

    def reach(self, index: int) -> None:
        """Make sure that bin ``index`` exists."""
        missing = index + 1 - len(self.low)
        if missing > 0:
            self.low.extend([math.inf] * missing)
            self.high.extend([-math.inf] * missing)
            for more in (self.total, self.count, self.bad):
                more.extend([0] * missing)

    def add(self, index: int, value: float) -> None:
        """Count one value in bin ``index``, which exists."""
        if not -HUGE < value < HUGE:  # NaN and the infinities too
            self.bad[index] += 1
            return
        if value < self.low[index]:
            self.low[index] = value
        if value > self.high[index]:
            self.high[index] = value
        self.total[index] += value
        self.count[index] += 1

    def add_many(self, index: int, values: Sequence[float]) -> None:
        """Count several values in bin ``index``."""
        total, low, high = sum(values), min(values), max(values)
        if total - total != 0.0 or low < -HUGE or high > HUGE:
            for value in values:
                self.add(index, value)
            return
        if low < self.low[index]:
            self.low[index] = low
        if high > self.high[index]:
            self.high[index] = high
        self.total[index] += total
        self.count[index] += len(values)

    def take_back(self, index: int) -> None:
        """Forget the newest value, which is in bin ``index``; the bin's extremes stay, if others are in it."""
        if self.count[index] + self.bad[index] <= 1:
            self.low[index], self.high[index] = math.inf, -math.inf
            self.total[index] = self.count[index] = self.bad[index] = 0
        elif not -HUGE < self.last < HUGE:
            self.bad[index] -= 1
        else:
            self.total[index] -= self.last
            self.count[index] -= 1

    def cut(self, bins: int) -> None:
        """Keep the first ``bins`` bins; the newest value is unknown then."""
        if bins >= len(self.low):
            return
        for values in (self.low, self.high, self.total, self.count, self.bad):
            del values[bins:]
        self.last, self.last_step = math.nan, -1

    def halve(self) -> None:
        """Merge pairs of bins."""
        if len(self.low) % 2:
            self.reach(len(self.low))
        self.low = array("d", map(min, self.low[::2], self.low[1::2]))
        self.high = array("d", map(max, self.high[::2], self.high[1::2]))
        self.total = array("d", map(float.__add__, self.total[::2], self.total[1::2]))
        self.count = array("I", map(int.__add__, self.count[::2], self.count[1::2]))
        self.bad = array("I", map(int.__add__, self.bad[::2], self.bad[1::2]))


@dataclass(slots=True)
class Columns:
    """All metrics of a run."""

    width: int = 1
    """Steps of a bin, for every column."""
    last_step: int = -1
    """The newest step with a record; -1 before the first."""
    by_name: dict[str, Column] = field(default_factory=dict)
    cuts: int = 0
    """How often something was forgotten: together with ``width`` it tells whether older bins are as they were."""

    def take(self, records: Sequence[Record]) -> None:
        """Add records in the order they were written.

        A step at or before the newest one goes back: what lies beyond it is forgotten, whole bins at a time. The
        newest step once more replaces just that record (a trainer writes it again when it knows more).
        """
        position, end = 0, len(records)
        while position < end:
            step = records[position][0]
            if step == self.last_step:
                self._replace(step, records[position][1])
                position += 1
                continue
            if step < self.last_step:
                self.cut(step)
            limit = self._make_room(step)
            first, previous = position, step
            position += 1
            while position < end and previous < (step := records[position][0]) < limit:
                previous = step
                position += 1
            self._fill((limit - 1) // self.width, records[first:position])
            self.last_step = previous

    def expect(self, last_step: int) -> None:
        """Widen the bins so that ``last_step`` has one: cheaper before anything is in them than on the way there."""
        self._make_room(min(last_step, LARGEST_STEP))

    def cut(self, step: int) -> None:
        """Forget ``step`` and everything after it; a wider bin that holds the step is forgotten whole."""
        bins = max(0, step) // self.width
        for column in self.by_name.values():
            column.cut(bins)
        if step <= self.last_step:
            self.last_step = bins * self.width - 1
            self.cuts += 1

    def _make_room(self, step: int) -> int:
        """Widen the bins until ``step`` has one; returns the first step after that bin."""
        while step // self.width >= CAPACITY:
            for column in self.by_name.values():
                column.halve()
            self.width *= 2
        return (step // self.width + 1) * self.width

    def _fill(self, index: int, group: Iterable[Record]) -> None:
        """Add records of one bin, column by column: those with the same names are turned over as a whole."""
        alike: dict[tuple[str, ...], list[Any]] = {}
        steps: dict[tuple[str, ...], int] = {}
        for step, metrics in group:
            names = tuple(metrics)
            steps[names] = step
            try:
                alike[names].append(metrics.values())
            except KeyError:
                alike[names] = [metrics.values()]
        for names, rows in alike.items():
            for name, values in zip(names, zip(*rows, strict=True), strict=True):
                self._add(name, index, values, steps[names])

    def _add(self, name: str, index: int, values: Sequence[Any], last_step: int) -> None:
        numbers = values if set(map(type, values)) == {float} else _numbers(values)
        column = self._column(name) if numbers else None
        if column is None:
            return
        if index >= len(column.low):
            column.reach(index)
        column.add_many(index, numbers)
        if last_step > column.last_step:
            column.last, column.last_step = numbers[-1], last_step

    def _replace(self, step: int, metrics: Mapping[str, Any]) -> None:
        index = step // self.width
        for name, raw in metrics.items():
            value = number(raw)
            column = self._column(name) if value is not None else None
            if column is None or value is None or (column.last_step == step and column.last == value):
                continue
            column.reach(index)
            if column.last_step == step:
                column.take_back(index)
            column.add(index, value)
            column.last, column.last_step = value, step

    def _column(self, name: str) -> Column | None:
        column = self.by_name.get(name)
        if column is None and len(self.by_name) < MOST_METRICS:
            column = self.by_name[name] = Column()
        return column


def _numbers(values: Sequence[Any]) -> list[float]:
    if set(map(type, values)) <= {float, int}:
        with contextlib.suppress(OverflowError):
            return list(map(float, values))
    return [value for raw in values if (value := number(raw)) is not None]


def number(value: object) -> float | None:
    """A metric's value; NaN and the infinities may be spelt out. None for anything that is no number."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    if isinstance(value, str) and value not in {"NaN", "Infinity", "-Infinity"}:
        return None
    try:
        return float(value)
    except OverflowError:
        return math.inf
