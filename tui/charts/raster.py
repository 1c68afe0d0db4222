"""Dots in braille cells: a band from minimum to maximum and the running mean as a line, column by column.

A terminal cell holds 2 x 4 dots. The mean is opaque: a cell it passes through shows only the mean, so colours never
mix. A cell column depends only on its own two dot columns and the one before, so new points repaint few cells.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from tui.charts.series import Series
from tui.charts.ticks import grown_domain, nice_range

BRAILLE: Final = 0x2800
DOTS: Final = ((0x01, 0x02, 0x04, 0x40), (0x08, 0x10, 0x20, 0x80))
"""Bit of the dot at [column][row] inside a cell."""
BLANK, BAND, MEAN, BAD = range(4)
"""What a cell shows; the widget gives each a style."""
BAD_MARK: Final = "×"

Cell = tuple[str, int]
EMPTY: Final[Cell] = (" ", BLANK)


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
    """Range and distance of labels on the y axis, in log10 when ``log``."""
    log: bool = False

    def column_of(self, step: int) -> int:
        """Dot column of a step; may lie outside."""
        return (step - self.start) * self.columns * 2 // self.domain

    def row_of(self, value: float) -> int:
        """Dot row of a value counted from the top, kept inside the picture."""
        if self.log:
            value = math.log10(value) if value > 0 else self.low
        height = self.rows * 4 - 1
        return min(height, max(0, height - round((value - self.low) / (self.high - self.low) * height)))


@dataclass(slots=True)
class DotColumn:
    """What falls into one dot column."""

    low: float = math.inf
    high: float = -math.inf
    mean: float = math.nan
    bad: bool = False


def fit_view(
    series: Series, columns: int, rows: int, *, log: bool = False, robust: bool = False, start: int = 0
) -> View | None:
    """The view that shows the series from step ``start`` on; None while there is nothing finite to show."""
    bounds = series.bounds(robust=robust)
    if bounds is None or columns < 1 or rows < 1:
        return None
    log = log and bounds[1] > 0
    if log:
        positive = [bin_.low for bin_ in series.bins if bin_.count and bin_.low > 0]
        floor = min(positive, default=bounds[1])
        bounds = math.log10(floor), math.log10(bounds[1])
    low, high, tick = nice_range(*bounds, max(2, rows // 3))
    steps = (series.last_step or 0) + 1 - start
    return View(columns, rows, start, grown_domain(max(1, steps)), low, high, tick, log)


def dot_columns(series: Series, view: View) -> list[DotColumn]:
    """The series gathered into the view's dot columns."""
    smooth = series.refresh_smooth()
    columns = [DotColumn() for _ in range(view.columns * 2)]
    for index, bin_ in enumerate(series.bins):
        if bin_.empty:
            continue
        place = view.column_of(index * series.width)
        if not 0 <= place < len(columns):
            continue
        column = columns[place]
        if bin_.count:
            column.low, column.high = min(column.low, bin_.low), max(column.high, bin_.high)
            column.mean = smooth[index]
        column.bad = column.bad or bin_.bad > 0
    return columns


def draw(series: Series, view: View) -> list[list[Cell]]:
    """The whole picture: ``view.rows`` rows of ``view.columns`` cells."""
    dots = dot_columns(series, view)
    links = _links(dots, view)
    painted = [_paint(dots, links, view, cell) for cell in range(view.columns)]
    return [[painted[x][y] for x in range(view.columns)] for y in range(view.rows)]


def _links(dots: Sequence[DotColumn], view: View) -> list[tuple[int, int] | None]:
    """For each dot column the rows the mean line covers: joined to the last known column, broken by bad values."""
    links: list[tuple[int, int] | None] = [None] * len(dots)
    previous: tuple[int, int] | None = None
    for x, column in enumerate(dots):
        if column.bad and math.isnan(column.mean):
            previous = None
        if math.isnan(column.mean):
            continue
        row = view.row_of(column.mean)
        if previous is None:
            links[x] = (row, row)
        else:
            _join(links, previous, (x, row))
        previous = (x, row)
    return links


def _join(links: list[tuple[int, int] | None], start: tuple[int, int], end: tuple[int, int]) -> None:
    """Cover a straight line of dots from just behind ``start`` to ``end``."""
    (x0, y0), (x1, y1) = start, end
    last = y0
    for x in range(x0 + 1, x1 + 1):
        row = round(y0 + (y1 - y0) * (x - x0) / (x1 - x0))
        near = last + (1 if row > last else -1 if row < last else 0)
        links[x] = (min(row, near), max(row, near))
        last = row


def _paint(dots: Sequence[DotColumn], links: Sequence[tuple[int, int] | None], view: View, cell: int) -> list[Cell]:
    """One column of cells from top to bottom."""
    mean, band = [0] * view.rows, [0] * view.rows
    for side in (0, 1):
        column, link = dots[cell * 2 + side], links[cell * 2 + side]
        if link is not None:
            _fill(mean, side, *link)
        if column.high >= column.low:
            _fill(band, side, view.row_of(column.high), view.row_of(column.low))
    cells = [
        (chr(BRAILLE | bits), MEAN) if bits else (chr(BRAILLE | under), BAND) if under else EMPTY
        for bits, under in zip(mean, band, strict=True)
    ]
    if dots[cell * 2].bad or dots[cell * 2 + 1].bad:
        cells[-1] = (BAD_MARK, BAD)
    return cells


def _fill(bits: list[int], side: int, top: int, bottom: int) -> None:
    for row in range(top, bottom + 1):
        bits[row // 4] |= DOTS[side][row % 4]
