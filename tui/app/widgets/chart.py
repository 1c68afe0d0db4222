"""A braille chart of one metric: minimum-maximum band and running mean, repainting changed spans only."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from rich.segment import Segment
from textual.strip import Strip
from typing_extensions import override

from tui.app.widgets.lines import Styled, changed_regions
from tui.charts.raster import BAD, BAND, BLANK, MEAN, View, draw, fit_view
from tui.charts.series import Series
from tui.charts.ticks import label, short
from tui.text import Cells, Line, cells_of, fit

STYLE_OF: Final = {BLANK: "text", BAND: "band", MEAN: "accent", BAD: "bad"}
AXIS: Final = 8
"""Columns of the y axis with its labels."""
SMALLEST: Final = (20, 4)
"""Below this width and height only the title line is drawn."""


@dataclass(frozen=True, slots=True)
class ChartOptions:
    """How to draw; the same for all charts of a screen."""

    log: bool = False
    robust: bool = False


class Chart(Styled):
    """Title line, plot, x axis. ``update_chart`` draws anew and repaints the cells that came out different."""

    DEFAULT_CSS = """
    Chart { height: 1fr; width: 1fr; min-height: 1; }
    """

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id)
        self._metric = ""
        self._series: Series | None = None
        self._options = ChartOptions()
        self._rows: list[Line] = []

    @property
    def plain(self) -> str:
        """What is shown, without styles."""
        return "\n".join("".join(text for text, _ in row) for row in self._rows)

    def update_chart(self, name: str, series: Series | None, options: ChartOptions) -> None:
        """Show the present state of a series."""
        self._metric, self._series, self._options = name, series, options
        self._redraw()

    def on_resize(self) -> None:
        self._redraw()

    def _redraw(self) -> None:
        old, self._rows = (
            self._rows,
            chart_lines(self._metric, self._series, self.size.width, self.size.height, self._options),
        )
        regions = changed_regions(old, self._rows)
        if regions:
            self.refresh(*regions)

    @override
    def render_line(self, y: int) -> Strip:
        if y >= len(self._rows):
            return Strip([Segment(" " * self.size.width, self.rich_style)])
        return self.strip_of(self._rows[y], self.size.width)


def chart_lines(name: str, series: Series | None, width: int, height: int, options: ChartOptions) -> list[Line]:
    """The chart as ``height`` lines of ``width`` cells; fewer when there is nothing to draw or no room."""
    if width < 1 or height < 1:
        return []
    lines = [_title(name, series, width, options)]
    if series is None or width < SMALLEST[0] or height < SMALLEST[1]:
        return lines
    view = fit_view(series, width - AXIS, height - 2, log=options.log, robust=options.robust)
    if view is None:
        return [*lines, (("  no finite value yet", "dim"),)]
    picture = draw(series, view)
    for y, cells in enumerate(picture):
        styled: Cells = [(char, STYLE_OF[kind]) for char, kind in cells]
        lines.append(((f"{_y_label(view, y):>{AXIS - 1}}┤", "dim"), *_merged(styled)))
    lines.append(_x_axis(view))
    return lines


def _title(name: str, series: Series | None, width: int, options: ChartOptions) -> Line:
    if series is None or series.last is None:
        return ((fit(f"{name}  waiting for the first value", width), "dim"),)
    smooth = series.refresh_smooth()
    marks = "".join(mark for mark, on in ((" log", options.log), (" clipped", options.robust)) if on)
    value = ("nan", "bad") if series.last != series.last else (short(series.last), "strong")
    line: Line = (
        (name, "title"),
        ("  ", "text"),
        (f"{value[0]:<8}", value[1]),
        ("mean ", "dim"),
        (f"{short(smooth[-1]) if smooth else '-':<8}", "accent"),
        (marks, "dim"),
    )
    return line if len(cells_of(line)) <= width else ((fit(f"{name} {value[0]}", width), value[1]),)


def _y_label(view: View, row: int) -> str:
    """The label of the tick that falls into a row of cells, if one does."""
    height = view.rows * 4 - 1
    span = view.high - view.low
    index = 0
    while (value := view.low + index * view.tick) <= view.high + view.tick * 1e-6:
        dot = height - round((value - view.low) / span * height)
        if dot // 4 == row:
            return short(10**value) if view.log else label(value, view.tick)
        index += 1
    return ""


def _x_axis(view: View) -> Line:
    """Steps at a few places of the lower edge; they stay where they are until the axis grows."""
    text = ""
    for part in range(5):
        step = view.start + view.domain * part // 4
        mark = str(step) if step < 100_000 else short(step)
        place = min(max(0, view.columns * part // 4 - len(mark) // 2), view.columns - len(mark))
        if part == 0 or place > len(text):
            text = text.ljust(place) + mark
    return ((" " * AXIS, "text"), (text, "dim"))


def _merged(cells: Cells) -> Line:
    """Neighbouring cells of one style as one span. A blank has no colour: changing colours for it would only cost."""
    spans: list[tuple[str, str]] = []
    for char, style in cells:
        if spans and (style == spans[-1][1] or char == " "):
            spans[-1] = (spans[-1][0] + char, spans[-1][1])
        elif spans and spans[-1][0].isspace():
            spans[-1] = (spans[-1][0] + char, style)
        else:
            spans.append((char, style))
    return tuple(spans)
