"""What the charts show, as a picture and as a table."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from tui.charts.gathered import DotColumn, Gathered
from tui.charts.lines import ChartOptions, Sheet
from tui.charts.plot import Curve, Frame, fit
from tui.charts.raster import Guide
from tui.charts.ticks import label, short
from tui.charts.view import View, Window

if TYPE_CHECKING:
    from PIL.ImageDraw import ImageDraw

WIDTH, HEIGHT = 1200, 360
"""Pixels of one chart."""
LEFT, TOP, BOTTOM, RIGHT = 90, 40, 30, 20
TICKS: Final = 6
APART: Final = 12
"""Pixels between two letters that can both be read."""
DOT: Final = 4
"""Radius of a point where there are few."""
COLOURS: Final = {
    "accent": "#0b6fb8",
    "curve2": "#d9730d",
    "curve3": "#2e8b57",
    "curve4": "#b3261e",
    "good": "#2e8b57",
    "title": "#7a4fb5",
    "warn": "#d9730d",
}
BAND, POINT, INK, PALE = "#c9dcee", "#8fb3d6", "#202020", "#d8d8d8"


def csv_text(sheets: Sequence[Sheet], window: Window) -> str:
    """A row per curve and bin inside the window: mean, lowest and highest value, running mean, count.

    Steps are those of the bins, ``width`` steps each; values have the unit of the metric, not of the axis.
    """
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(("chart", "curve", "step", "width", "mean", "low", "high", "smooth", "count", "not_finite"))
    for sheet in sheets:
        for curve in sheet.curves:
            for row in _rows(curve, window):
                writer.writerow((sheet.title, curve.label or sheet.title, *row))
    return file.getvalue()


def _rows(curve: Curve, window: Window) -> list[tuple[object, ...]]:
    series = curve.series
    bins, width, smooth = series.bins, series.width, series.refresh_smooth()
    found: list[tuple[object, ...]] = []
    for index in range(window.start // width, min(len(bins), -(-window.end // width))):
        count, bad = bins.count[index], bins.bad[index]
        if count:
            mean = bins.total[index] / count
            found.append((index * width, width, mean, bins.low[index], bins.high[index], smooth[index], count, bad))
        elif bad:
            found.append((index * width, width, math.nan, "", "", "", 0, bad))
    return found


def png_bytes(sheets: Sequence[Sheet], options: ChartOptions, heading: str) -> bytes:
    """The charts below each other on white, with their events, overlays, range and scale as on the screen."""
    from PIL import Image, ImageDraw, ImageFont

    drawn = [sheet for sheet in sheets if sheet.curves]
    picture = Image.new("RGB", (WIDTH, 40 + HEIGHT * max(1, len(drawn))), "white")
    draw = ImageDraw.Draw(picture)
    draw.font = ImageFont.load_default(16)
    draw.text((LEFT, 10), heading, fill=INK)
    for number, sheet in enumerate(drawn):
        _chart(draw, sheet, options, 40 + number * HEIGHT)
    file = io.BytesIO()
    picture.save(file, format="PNG", optimize=True)
    return file.getvalue()


def _chart(draw: ImageDraw, sheet: Sheet, options: ChartOptions, top: int) -> None:
    """One chart with its upper edge at ``top``."""
    across, down = WIDTH - LEFT - RIGHT, HEIGHT - TOP - BOTTOM
    columns = [Gathered().update(curve.series, options.window, across, smooth=curve.smooth) for curve in sheet.curves]
    # A row of the view is four dots, a column two: here a dot is a pixel.
    frame = Frame(
        across // 2,
        down // 4,
        options.window,
        log=options.log,
        robust=options.robust,
        scale=sheet.scale,
        ticks=TICKS,
    )
    view = fit(sheet.curves, columns, frame)
    _legend(draw, sheet, top)
    if view is None:
        draw.text((LEFT, top + TOP), "no finite value here", fill=INK)
        return
    _axes(draw, view, top, across, down)
    _guides(draw, options.guides, view, top, across, down)
    for curve, dots in zip(reversed(sheet.curves), reversed(columns), strict=True):
        _curve(draw, curve, dots, view, top + TOP)


def _legend(draw: ImageDraw, sheet: Sheet, top: int) -> None:
    x = float(LEFT)
    title = f"{sheet.title} ({sheet.unit})" if sheet.unit else sheet.title
    draw.text((x, top), title, fill=INK)
    x += draw.textlength(title) + 24
    for curve in sheet.curves:
        words = curve.label or "running mean"
        draw.text((x, top), words, fill=COLOURS.get(curve.style, INK))
        x += draw.textlength(words) + 20


def _axes(draw: ImageDraw, view: View, top: int, across: int, down: int) -> None:
    value = view.low
    while value <= view.high + view.tick * 1e-6:
        y = top + TOP + down - (value - view.low) / (view.high - view.low) * down
        text = short(10**value) if view.log else label(value, view.tick)
        draw.line((LEFT, y, LEFT + across, y), fill=PALE)
        draw.text((LEFT - 8 - draw.textlength(text), y - 9), text, fill=INK)
        value += view.tick
    for part in range(9):
        step = view.start + view.domain * part // 8
        words = str(step)
        draw.text((LEFT + across * part / 8 - draw.textlength(words) / 2, top + TOP + down + 6), words, fill=INK)


def _guides(draw: ImageDraw, guides: Sequence[Guide], view: View, top: int, across: int, down: int) -> None:
    """A line for everything that happened, with its letter where no other one is in the way: above, else below."""
    taken: dict[int, float] = {}
    for guide in sorted(guides, key=lambda guide: guide.step):
        x = LEFT + view.column_of(guide.step)
        if not LEFT <= x < LEFT + across:
            continue
        draw.line((x, top + TOP, x, top + TOP + down), fill=PALE)
        for y in (top + TOP - 18, top + TOP + 2):
            if x - taken.get(y, -math.inf) >= APART:
                draw.text((x - 4, y), guide.letter, fill=INK)
                taken[y] = x
                break


def _curve(draw: ImageDraw, curve: Curve, columns: Sequence[DotColumn], view: View, top: int) -> None:
    previous: tuple[int, int] | None = None
    colour = COLOURS.get(curve.style, INK)
    sparse = sum(column.mean == column.mean for column in columns) * APART <= len(columns)
    dot = DOT if sparse else 1
    if curve.band:
        _band(draw, columns, view, top, width=2 * DOT + 1 if sparse else 1)
    marked = -math.inf
    for x, column in enumerate(columns):
        if column.bad and x - marked >= APART:
            draw.text((LEFT + x - 4, top + view.rows * 4 - 16), "x", fill=COLOURS["curve4"])
            marked = x
        if column.mean != column.mean:
            previous = None if column.bad else previous
            continue
        place = (LEFT + x, top + view.row_of(column.mean))
        if previous is not None:
            draw.line((*previous, *place), fill=colour, width=3)
        if previous is None or sparse:
            draw.ellipse((place[0] - dot, place[1] - dot, place[0] + dot, place[1] + dot), fill=colour)
        previous = place


def _band(draw: ImageDraw, columns: Sequence[DotColumn], view: View, top: int, *, width: int) -> None:
    for x, column in enumerate(columns):
        if column.high >= column.low:
            ends = (LEFT + x, top + view.row_of(column.high), LEFT + x, top + view.row_of(column.low))
            draw.line(ends, fill=BAND, width=width)
            if width > 1 and column.high == column.low:  # a single value: a line of no length is not to be seen
                draw.ellipse((ends[0] - DOT, ends[1] - DOT, ends[0] + DOT, ends[1] + DOT), fill=POINT)
