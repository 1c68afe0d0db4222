"""A chart as lines of styled text: title with values, y labels, picture, x axis."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from tui.charts.plot import Curve, Frame, Plot
from tui.charts.raster import Cell, Guide
from tui.charts.series import Series
from tui.charts.ticks import label, short
from tui.charts.view import View, Window
from tui.text import Line, Span, fit

AXIS: Final = 8
"""Columns of the y axis with its labels."""
SMALLEST: Final = (20, 4)
"""Below this width and height only the title line is drawn."""


@dataclass(frozen=True, slots=True)
class ChartOptions:
    """How to draw; the same for all charts of a screen."""

    window: Window = field(default_factory=lambda: Window.whole(0))
    log: bool = False
    robust: bool = False
    cursor: int | None = None
    """The step that is read out."""
    guides: tuple[Guide, ...] = ()
    ascii_only: bool = False


@dataclass(frozen=True, slots=True)
class Sheet:
    """What one chart shows."""

    title: str
    curves: tuple[Curve, ...]
    scale: float = 1.0
    unit: str = ""
    why: str = ""
    """Why there is nothing, and nothing will come."""


def chart_lines(plot: Plot, sheet: Sheet, width: int, height: int, options: ChartOptions) -> list[Line]:
    """The chart as ``height`` lines of ``width`` cells; fewer when there is nothing to draw or no room."""
    if width < 1 or height < 1:
        return []
    lines = [title_line(sheet, width, options)]
    if sheet.why and not sheet.curves:
        wrapped = textwrap.wrap(sheet.why, max(1, width - 2))
        return [*lines, *(((f"  {text}", "warn"),) for text in wrapped)][:height]
    if not sheet.curves or width < SMALLEST[0] or height < SMALLEST[1]:
        return lines
    frame = Frame(
        width - AXIS,
        height - 2,
        options.window,
        options.log,
        options.robust,
        sheet.scale,
        options.guides,
        options.cursor,
        options.ascii_only,
    )
    picture = plot.draw(sheet.curves, frame)
    if picture is None or plot.view is None:
        return [*lines, (("  no finite value here", "dim"),)]
    view, edge = plot.view, "|" if options.ascii_only else "┤"
    labels = _y_labels(view)
    for y, cells in enumerate(picture):
        lines.append(((f"{labels.get(y, ''):>{AXIS - 1}}{edge}", "dim"), *_merged(cells)))
    lines.append(_x_axis(view, options.cursor))
    return lines


def title_line(sheet: Sheet, width: int, options: ChartOptions) -> Line:
    """The name of the chart and the values of its curves, newest or under the cursor, in the curves' colours."""
    known = [curve for curve in sheet.curves if curve.series.last is not None]
    if not known:
        state = "no value" if sheet.why else "waiting for the first value"
        return ((fit(f"{sheet.title}  {state}" if sheet.title else "", width), "dim"),)
    at = "" if options.cursor is None else f" @{options.cursor}"
    spans: list[Span] = [(sheet.title, "title"), (at + "  ", "strong")]
    for curve in known:
        spans += _values(curve, sheet.scale, options.cursor)
    marks = [mark for mark, on in (("log", options.log), ("clipped", options.robust)) if on]
    spans.append((" ".join([sheet.unit, *marks]), "dim"))
    return _cut(spans, width)


def _values(curve: Curve, scale: float, cursor: int | None) -> list[Span]:
    """One curve's figures."""
    figures = _newest(curve.series) if cursor is None else _at(curve.series, cursor)
    if figures is None:
        return [(f"{curve.label} -  ", curve.style)]
    value, smooth = figures
    spans: list[Span] = [(f"{curve.label} ", curve.style)] if curve.label else []
    if curve.band:
        bad = value != value
        spans.append((f"{_number(value * scale)} ", "bad" if bad else "strong"))
        return [*spans, ("mean ", "dim"), (f"{_number(smooth * scale)} ", curve.style)]
    shown = smooth if curve.smooth else value
    return [*spans, (f"{_number(shown * scale)} ", curve.style)]


def _newest(series: Series) -> tuple[float, float] | None:
    smooth = series.refresh_smooth()
    return None if series.last is None or not smooth else (series.last, smooth[-1])


def _at(series: Series, step: int) -> tuple[float, float] | None:
    reading = series.at(step)
    return None if reading is None else (reading.value, reading.smooth)


def _number(value: float) -> str:
    """Of one width, so that a new value moves nothing."""
    return f"{short(value):<7}"


def _cut(spans: Sequence[Span], width: int) -> Line:
    """As much as fits, cut inside a span."""
    line: list[Span] = []
    room = width
    for text, style in spans:
        shown = text[: max(0, room)]
        room -= len(shown)
        if shown:
            line.append((shown, style))
    return tuple(line)


def _y_labels(view: View) -> dict[int, str]:
    """The labels of ticks by row of cells."""
    height = view.rows * 4 - 1
    span = view.high - view.low
    labels: dict[int, str] = {}
    for index in range(2 * view.rows + 4):
        value = view.low + index * view.tick
        if value > view.high + view.tick * 1e-6:
            break
        row = (height - round((value - view.low) / span * height)) // 4
        labels.setdefault(row, short(10**value) if view.log else label(value, view.tick))
    return labels


def _x_axis(view: View, cursor: int | None) -> Line:
    """Steps at a few places of the lower edge; they stay where they are until the axis grows."""
    text = ""
    for part in range(5):
        step = view.start + view.domain * part // 4
        mark = str(step) if step < 100_000 else short(step)
        place = min(max(0, view.columns * part // 4 - len(mark) // 2), view.columns - len(mark))
        if part == 0 or place > len(text):
            text = text.ljust(place) + mark
    text = text.ljust(view.columns)
    if cursor is None or not 0 <= (cell := view.column_of(cursor) // 2) < view.columns:
        return ((" " * AXIS, "text"), (text.rstrip(), "dim"))
    mark = str(cursor)
    place = min(max(0, cell - len(mark) // 2), max(0, view.columns - len(mark)))
    text = _without_labels_at(text, place - 1, place + len(mark) + 1)
    return (
        (" " * AXIS, "text"),
        (text[:place], "dim"),
        (mark, "cursor"),
        (text[place + len(mark) :].rstrip(), "dim"),
    )


def _without_labels_at(text: str, first: int, end: int) -> str:
    """Half a label beside another one would read as one number."""
    return re.sub(
        r"\S+", lambda part: part[0] if part.end() <= first or part.start() >= end else " " * len(part[0]), text
    )


def _merged(cells: Sequence[Cell]) -> Line:
    """Neighbouring cells of one style as one span. A blank has no colour: changing colours for it would only cost."""
    spans: list[Span] = []
    for char, style in cells:
        plain = char == " " and style != "cursor"
        if spans and (style == spans[-1][1] or (plain and spans[-1][1] != "cursor")):
            spans[-1] = (spans[-1][0] + char, spans[-1][1])
        elif spans and spans[-1][0].isspace() and spans[-1][1] != "cursor":
            spans[-1] = (spans[-1][0] + char, style)
        else:
            spans.append((char, style))
    return tuple(spans)
