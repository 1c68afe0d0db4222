from __future__ import annotations

import math

import pytest

from tui.charts.lines import ChartOptions, Sheet, chart_lines
from tui.charts.plot import Curve, Plot
from tui.charts.raster import Guide
from tui.charts.series import Series
from tui.charts.view import Window
from tui.text import Line, width_of


def _series(count: int = 300) -> Series:
    series = Series(smoothing=0.9)
    for step in range(count):
        series.add(step, math.nan if 100 <= step < 120 else 1.0 + math.sin(step) / 4)
    return series


def _lines(title: str, series: Series, width: int, height: int, **options: object) -> list[Line]:
    sheet = Sheet(title, (Curve("", series, band=True),))
    chosen = ChartOptions(Window.whole(series.last_step or 0), **options)  # type: ignore[arg-type]
    return chart_lines(Plot(), sheet, width, height, chosen)


def _text(lines: list[Line]) -> str:
    return "\n".join("".join(part for part, _ in line) for line in lines)


def test_every_dot_has_the_colour_of_what_it_is() -> None:
    lines = _lines("loss", _series(), 80, 20)
    for line in lines[1:-1]:
        for text, style in line:
            if any(0x2800 < ord(char) < 0x2900 for char in text):
                assert style in {"band", "accent"}, line
            if "×" in text:
                assert style == "bad"
    assert {"band", "accent", "bad"} <= {style for line in lines for _, style in line}


@pytest.mark.parametrize("width", [0, 1, 10, 19, 20, 40, 200])
@pytest.mark.parametrize("height", [0, 1, 3, 4, 12, 50])
def test_a_chart_fills_its_room_and_no_more(width: int, height: int) -> None:
    options = {"log": True, "robust": True, "cursor": 70, "guides": (Guide(50, "C", "good"),)}
    lines = _lines("a/long/name/of/a/metric", _series(), width, height, **options)
    assert len(lines) <= height
    assert all(width_of(line) <= max(width, 0) for line in lines)


def test_nothing_yet_and_nothing_finite_are_said() -> None:
    assert "waiting" in _text(chart_lines(Plot(), Sheet("loss", ()), 60, 10, ChartOptions()))
    bad = Series()
    bad.add(0, math.nan)
    assert "no finite value" in _text(_lines("loss", bad, 60, 10))


def test_the_cursor_reads_values_out_and_is_seen_in_the_picture_and_on_the_axis() -> None:
    series = Series(smoothing=0.0)
    for step in range(200):
        series.add(step, float(step))
    lines = _lines("loss", series, 80, 12, cursor=50)
    assert "loss @50  50" in _text(lines[:1])
    assert all("cursor" in [style for _, style in line] for line in lines[1:])
    assert ("50", "cursor") in lines[-1]


def test_what_happened_is_a_letter_with_a_line_unless_there_is_too_much_of_it() -> None:
    few = _lines("loss", _series(), 80, 12, guides=(Guide(150, "C", "good"), Guide(250, "L", "strong")))
    assert ("C", "good") in [(text.strip(), style) for text, style in few[1]]
    assert "┊" in _text(few[2:-1])
    many = _lines("loss", _series(), 80, 12, guides=tuple(Guide(step, "V", "accent") for step in range(0, 300, 5)))
    assert "┊" not in _text(many)
    assert "V" in _text(many[1:2])


def test_plain_characters_where_there_is_no_braille() -> None:
    series = _series()
    for step in range(300, 330):
        series.add(step, 5.0)
    text = _text(_lines("loss", series, 80, 14, ascii_only=True, cursor=40, guides=(Guide(20, "C", "good"),)))
    assert text.isascii()
    assert set("|:x") <= set(text), "a steep line, a band and a value that is not finite"


def test_several_curves_say_their_names_and_values_in_their_colours() -> None:
    one, two = _series(), Series()
    two.add(10, 4.0)
    two.add(200, 3.0)
    curves = (Curve("video", one, "accent", mark="v"), Curve("audio", two, "curve2", smooth=False, mark="a"))
    options = ChartOptions(Window.whole(300), ascii_only=True)
    lines = chart_lines(Plot(), Sheet("by modality", curves, unit="s"), 90, 12, options)
    assert ("audio ", "curve2") in lines[0]
    assert "3 " in _text(lines[:1])
    assert {"v", "a"} <= set(_text(lines[1:-1]))
    options = ChartOptions(Window.whole(300), cursor=5)
    assert "audio -" in _text(chart_lines(Plot(), Sheet("by modality", curves), 90, 12, options)[:1])
