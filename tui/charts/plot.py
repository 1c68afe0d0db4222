"""A picture of several curves that remembers what it drew, so that new points cost what they change."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tui.charts.gathered import DotColumn, Gathered
from tui.charts.raster import Cell, Guide, Traced, finite_means, guided, highlighted, paint, trace
from tui.charts.series import Series
from tui.charts.view import View, Window, make_view, value_range


@dataclass(frozen=True, slots=True)
class Curve:
    """One line of a picture."""

    label: str
    series: Series
    style: str = "accent"
    band: bool = False
    """Also show the range of the values behind the line."""
    smooth: bool = True
    """The line is the running mean; else the values themselves."""
    mark: str = ""
    """The character it is drawn with where there is no braille."""


@dataclass(frozen=True, slots=True)
class Frame:
    """How to draw: everything but the data."""

    columns: int
    rows: int
    window: Window
    log: bool = False
    robust: bool = False
    scale: float = 1.0
    guides: tuple[Guide, ...] = ()
    cursor: int | None = None
    """A step."""
    ascii_only: bool = False
    ticks: int | None = None
    """Pieces of the y axis at most; None leaves it to the rows."""


class Plot:
    """Draws curves into cells."""

    def __init__(self) -> None:
        self._gathered: list[Gathered] = []
        self._drawn: tuple[object, ...] = ()
        self._traced: tuple[Traced, ...] = ()
        self._cells: list[list[Cell]] = []
        """Column by column, without guides and cursor."""
        self.view: View | None = None

    def draw(self, curves: Sequence[Curve], frame: Frame) -> list[list[Cell]] | None:
        """``frame.rows`` rows of ``frame.columns`` cells; None while there is nothing finite to show."""
        if frame.columns < 1 or frame.rows < 1:
            return None
        while len(self._gathered) < len(curves):
            self._gathered.append(Gathered())
        columns = [
            gathered.update(curve.series, frame.window, frame.columns * 2, smooth=curve.smooth)
            for gathered, curve in zip(self._gathered, curves, strict=False)
        ]
        self.view = fit(curves, columns, frame)
        if self.view is None:
            return None
        self._paint(curves, columns, frame, self.view)
        return self._finish(frame, self.view)

    def _paint(self, curves: Sequence[Curve], columns: Sequence[list[DotColumn]], frame: Frame, view: View) -> None:
        """Bring the cells up to date, touching only columns in which a curve lies differently."""
        traced = tuple(
            trace(dots, view, curve.style, band=curve.band, mark=curve.mark)
            for curve, dots in zip(curves, columns, strict=True)
        )
        drawn = (view, frame.ascii_only, tuple((curve.style, curve.mark) for curve in curves))
        changed = range(view.columns) if drawn != self._drawn else _changed(self._traced, traced, view.columns)
        if drawn != self._drawn:
            self._cells = [[] for _ in range(view.columns)]
        for cell in changed:
            self._cells[cell] = paint(traced, view.rows, cell, ascii_only=frame.ascii_only)
        self._drawn, self._traced = drawn, traced

    def _finish(self, frame: Frame, view: View) -> list[list[Cell]]:
        """The cells with guides and cursor on them, turned into rows."""
        by_cell: dict[int, list[Guide]] = {}
        for guide in frame.guides:
            cell = view.column_of(guide.step) // 2
            if 0 <= cell < view.columns:
                by_cell.setdefault(cell, []).append(guide)
        lines = len(by_cell) * 4 <= view.columns
        shown = list(self._cells)
        for cell, guides in by_cell.items():
            shown[cell] = guided(shown[cell], guides, lines=lines, ascii_only=frame.ascii_only)
        if frame.cursor is not None and 0 <= (cell := view.column_of(frame.cursor) // 2) < view.columns:
            shown[cell] = highlighted(shown[cell])
        return [list(row) for row in zip(*shown, strict=True)]


def fit(curves: Sequence[Curve], columns: Sequence[list[DotColumn]], frame: Frame) -> View | None:
    """The view that shows all there is between the first and the last column."""
    lows: list[float] = []
    highs: list[float] = []
    for curve, dots in zip(curves, columns, strict=True):
        means = finite_means(dots)
        filled = [column for column in dots if column.high >= column.low] if curve.band else []
        lows += [column.low for column in filled] if curve.band else means
        highs += [column.high for column in filled] if curve.band else means
    bounds = value_range(lows, highs, robust=frame.robust)
    if bounds is None:
        return None
    floor = min((low for low in lows if low > 0), default=None)
    return make_view(
        frame.columns,
        frame.rows,
        frame.window,
        bounds,
        log=frame.log,
        floor=floor,
        scale=frame.scale,
        ticks=frame.ticks,
    )


def _changed(before: tuple[Traced, ...], after: tuple[Traced, ...], columns: int) -> list[int]:
    """Cells in which some curve lies differently."""
    if len(before) != len(after):
        return list(range(columns))
    cells: set[int] = set()
    for old, new in zip(before, after, strict=True):
        if old == new:
            continue
        for was, is_ in ((old.line, new.line), (old.band, new.band), (old.bad, new.bad)):
            cells.update(x // 2 for x, (a, b) in enumerate(zip(was, is_, strict=True)) if a != b)
    return sorted(cells)
