"""Curves as characters: a band from minimum to maximum and a line per curve, column by column.

A terminal cell holds 2 x 4 dots. The curve on top is opaque: a cell it passes through shows only it, so colours never
mix. A cell column depends only on its own two dot columns and the one before, so new points repaint few cells.
Where braille cannot be shown, a cell is drawn with plain characters instead.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from tui.charts.gathered import DotColumn
from tui.charts.view import View

BRAILLE: Final = 0x2800
DOTS: Final = ((0x01, 0x02, 0x04, 0x40), (0x08, 0x10, 0x20, 0x80))
"""Bit of the dot at [column][row] inside a cell."""
ROWS: Final = (0x09, 0x12, 0x24, 0xC0)
"""Both dots of each row."""
BLANK, BAND, BAD, CURSOR, GUIDE = "text", "band", "bad", "cursor", "dim"
"""Styles of what is no line; a line has the style of its curve."""

Cell = tuple[str, str]
"""A character and the name of its style."""
EMPTY: Final[Cell] = (" ", BLANK)
Span = tuple[int, int]
"""First and last dot row of something, counted from the top."""


@dataclass(frozen=True, slots=True)
class Guide:
    """Something that happened at a step: a letter at the top of its column, and a line below it."""

    step: int
    letter: str
    style: str


@dataclass(frozen=True, slots=True)
class Traced:
    """A curve in dots: what it covers in each dot column."""

    style: str
    mark: str
    """The character that stands for the curve where there are no dots to tell it apart by."""
    line: tuple[Span | None, ...]
    band: tuple[Span | None, ...]
    bad: tuple[bool, ...]


def trace(columns: Sequence[DotColumn], view: View, style: str, *, band: bool, mark: str = "") -> Traced:
    """Put gathered columns into the rows of a view."""
    bands: list[Span | None] = [None] * len(columns)
    if band:
        for x, column in enumerate(columns):
            if column.high >= column.low:
                bands[x] = (view.row_of(column.high), view.row_of(column.low))
    return Traced(style, mark, tuple(_links(columns, view)), tuple(bands), tuple(column.bad for column in columns))


def _links(columns: Sequence[DotColumn], view: View) -> list[Span | None]:
    """For each dot column the rows the line covers: joined to the last known column, broken by bad values."""
    links: list[Span | None] = [None] * len(columns)
    previous: tuple[int, int] | None = None
    for x, column in enumerate(columns):
        if column.bad and column.mean != column.mean:
            previous = None
        if column.mean != column.mean:
            continue
        row = view.row_of(column.mean)
        if previous is None:
            links[x] = (row, row)
        else:
            _join(links, previous, (x, row))
        previous = (x, row)
    return links


def _join(links: list[Span | None], start: tuple[int, int], end: tuple[int, int]) -> None:
    """Cover a straight line of dots from just behind ``start`` to ``end``."""
    (x0, y0), (x1, y1) = start, end
    last = y0
    for x in range(x0 + 1, x1 + 1):
        row = round(y0 + (y1 - y0) * (x - x0) / (x1 - x0))
        near = last + (1 if row > last else -1 if row < last else 0)
        links[x] = (min(row, near), max(row, near))
        last = row


def paint(curves: Sequence[Traced], rows: int, cell: int, *, ascii_only: bool = False) -> list[Cell]:
    """One column of cells from top to bottom; the first curve lies on top, bands below every line."""
    cells = [EMPTY] * rows
    for curve in reversed(curves):
        _lay(cells, _bits(curve.band, rows, cell), BAND, ":" if ascii_only else "")
    for curve in reversed(curves):
        _lay(cells, _bits(curve.line, rows, cell), curve.style, (curve.mark or "*") if ascii_only else "")
    if any(curve.bad[cell * 2] or curve.bad[cell * 2 + 1] for curve in curves):
        cells[-1] = ("x" if ascii_only else "×", BAD)
    return cells


def _lay(cells: list[Cell], bits: list[int], style: str, plain: str) -> None:
    """Put one thing over what is there."""
    for y, dots in enumerate(bits):
        if dots:
            cells[y] = (_plain(dots, plain) if plain else chr(BRAILLE | dots), style)


def _plain(dots: int, mark: str) -> str:
    """A cell without braille: a single line shows how high it lies in its cell."""
    if mark != "*":
        return mark
    used = [bool(dots & row) for row in ROWS]
    if sum(used) > 2:
        return "|"
    return "'" if used[0] else "." if used[3] else "-"


def _bits(spans: Sequence[Span | None], rows: int, cell: int) -> list[int]:
    bits = [0] * rows
    for side in (0, 1):
        span = spans[cell * 2 + side]
        if span is not None:
            for row in range(span[0], span[1] + 1):
                bits[row // 4] |= DOTS[side][row % 4]
    return bits


def guided(cells: list[Cell], guides: Sequence[Guide], *, lines: bool, ascii_only: bool = False) -> list[Cell]:
    """A column of cells with what happened there, the newest on top; ``lines`` also marks the height of the column."""
    if not guides:
        return cells
    letters: list[Cell] = [(letter, style) for letter, style in _once(guides).items()][: max(1, len(cells) // 2)]
    rest = cells[len(letters) :]
    below: list[Cell] = [(":" if ascii_only else "┊", GUIDE) if cell == EMPTY else cell for cell in rest]
    return [*letters, *(below if lines else rest)]


def _once(guides: Sequence[Guide]) -> dict[str, str]:
    """Letters and their styles, the newest first, each once."""
    return {guide.letter: guide.style for guide in reversed(guides)}


def highlighted(cells: list[Cell]) -> list[Cell]:
    """A column of cells under the cursor."""
    return [(char, CURSOR) for char, _ in cells]


def finite_means(columns: Sequence[DotColumn]) -> list[float]:
    """What the line of some columns passes through."""
    return [column.mean for column in columns if math.isfinite(column.mean)]
