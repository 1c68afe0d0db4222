"""A series gathered into the dot columns of a picture, kept from one drawing to the next."""

from __future__ import annotations

import math
from dataclasses import dataclass

from tui.charts.series import Series
from tui.charts.view import Window


@dataclass(slots=True)
class DotColumn:
    """What falls into one dot column."""

    low: float = math.inf
    high: float = -math.inf
    mean: float = math.nan
    """What the line passes through: the running mean, or the plain one."""
    bad: bool = False


class Gathered:
    """Dot columns of one series. A second look at the same stretch only takes in the newest bins."""

    def __init__(self) -> None:
        self.columns: list[DotColumn] = []
        self._series: Series | None = None
        self._key: tuple[object, ...] = ()
        self._bins = 0

    def update(self, series: Series, window: Window, columns: int, *, smooth: bool) -> list[DotColumn]:
        """The ``columns`` dot columns of ``series`` inside ``window``."""
        key = (series.generation, window, columns, smooth)
        known = series is self._series and key == self._key
        first = max(0, min(self._bins, len(series.bins)) - 1) if known else 0
        if not first:
            self._series, self._key = series, key
            self.columns = [DotColumn() for _ in range(columns)]
        self._fill(series, window, first, smooth=smooth)
        self._bins = len(series.bins)
        return self.columns

    def _fill(self, series: Series, window: Window, first: int, *, smooth: bool) -> None:
        """Take in the bins from ``first`` on, after forgetting the columns they share with older ones."""
        count, width = len(self.columns), series.width
        line = series.refresh_smooth() if smooth else None
        if first:
            place = (first * width - window.start) * count // window.steps
            while first and ((first - 1) * width - window.start) * count // window.steps == place:
                first -= 1
            for x in range(max(0, place), count):
                self.columns[x] = DotColumn()
        else:
            first = max(0, window.start // width)
        bins = series.bins
        low, high, total, number, bad = bins.low, bins.high, bins.total, bins.count, bins.bad
        for index in range(first, min(len(bins), -(-window.end // width))):
            place = (index * width - window.start) * count // window.steps
            if not 0 <= place < count or not (number[index] or bad[index]):
                continue
            column = self.columns[place]
            if number[index]:
                column.low, column.high = min(column.low, low[index]), max(column.high, high[index])
                column.mean = total[index] / number[index] if line is None else line[index]
            column.bad = column.bad or bad[index] > 0
