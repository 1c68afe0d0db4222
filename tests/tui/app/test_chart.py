from __future__ import annotations

import math

import pytest

from tui.app.widgets.chart import ChartOptions, chart_lines
from tui.charts.series import Series
from tui.text import width_of


def _series(count: int = 300) -> Series:
    series = Series(smoothing=0.9)
    for step in range(count):
        series.add(step, math.nan if 100 <= step < 120 else 1.0 + math.sin(step) / 4)
    return series


def test_every_dot_has_the_colour_of_what_it_is() -> None:
    for line in chart_lines("loss", _series(), 80, 20, ChartOptions())[1:-1]:
        for text, style in line:
            if any(0x2800 < ord(char) < 0x2900 for char in text):
                assert style in {"band", "accent"}, line
            if "×" in text:
                assert style == "bad"
    styles = {style for line in chart_lines("loss", _series(), 80, 20, ChartOptions()) for _, style in line}
    assert {"band", "accent", "bad"} <= styles


@pytest.mark.parametrize("width", [0, 1, 10, 19, 20, 40, 200])
@pytest.mark.parametrize("height", [0, 1, 3, 4, 12, 50])
def test_a_chart_fills_its_room_and_no_more(width: int, height: int) -> None:
    lines = chart_lines("a/long/name/of/a/metric", _series(), width, height, ChartOptions(log=True, robust=True))
    assert len(lines) <= height
    assert all(width_of(line) <= max(width, 0) for line in lines)


def test_nothing_yet_and_nothing_finite_are_said() -> None:
    assert "waiting" in chart_lines("loss", None, 60, 10, ChartOptions())[0][0][0]
    bad = Series()
    bad.add(0, math.nan)
    text = "".join(part for line in chart_lines("loss", bad, 60, 10, ChartOptions()) for part, _ in line)
    assert "no finite value" in text
