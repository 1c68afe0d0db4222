from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tui.charts.plot import Curve, Frame, Plot
from tui.charts.raster import BAD, BAND, EMPTY, Cell, Guide, guided
from tui.charts.series import Series
from tui.charts.view import View, Window

MEAN = "accent"


def _series(values: list[float], smoothing: float = 0.0) -> Series:
    series = Series(smoothing=smoothing)
    for step, value in enumerate(values):
        series.add(step, value)
    return series


def _draw(
    series: Series, columns: int, rows: int, plot: Plot | None = None, **more: Any
) -> tuple[View | None, list[list[Cell]] | None]:
    window = more.pop("window", None) or Window.whole(series.last_step or 0)
    plot = plot or Plot()
    cells = plot.draw([Curve("", series, band=True)], Frame(columns, rows, window, **more))
    return plot.view, cells


def _picture(series: Series, columns: int = 20, rows: int = 5, **more: Any) -> list[list[Cell]]:
    _, cells = _draw(series, columns, rows, **more)
    assert cells is not None
    return cells


def test_a_rising_line_rises() -> None:
    picture = _picture(_series([float(step) for step in range(40)]))
    tops = [next((y for y in range(5) if picture[y][x][1] == MEAN), None) for x in range(20)]
    drawn = [top for top in tops if top is not None]
    assert drawn == sorted(drawn, reverse=True)
    assert drawn[0] == 4
    assert drawn[-1] == 0


def test_new_points_leave_earlier_columns_as_they_are() -> None:
    values = [math.sin(step / 9) for step in range(300)]
    before = _picture(_series(values[:290]), 40, 8)
    after = _picture(_series(values), 40, 8)
    different = {x for y in range(8) for x in range(40) if before[y][x] != after[y][x]}
    assert different <= set(range(30, 40)), "only the columns at the right end may change"


def test_values_that_are_not_finite_break_the_line_and_are_marked() -> None:
    values = [1.0 + step % 3 for step in range(20)] + [math.nan] * 20 + [2.0] * 8
    picture = _picture(_series(values), 25, 4)
    assert any(cell[1] == BAD for cell in picture[-1])
    gap = range(10, 16)
    assert all(picture[y][x][1] not in (MEAN, BAND) for x in gap for y in range(3))


def test_missing_steps_are_bridged() -> None:
    series = Series(smoothing=0.0)
    for step in range(0, 60, 10):
        series.add(step, float(step))
    picture = _picture(series, 30, 6)
    lined = [any(picture[y][x][1] == MEAN for y in range(6)) for x in range(24)]
    assert all(lined), "a metric recorded every ten steps is still a line"


def test_nothing_finite_is_no_view() -> None:
    for series, columns in ((_series([math.nan, math.inf]), 10), (Series(), 10), (_series([1.0]), 0)):
        assert _draw(series, columns, 5) == (None, None)


def test_logarithmic_axis_needs_positive_values() -> None:
    view, _ = _draw(_series([1e-4, 1e-2, 1.0]), 10, 8, log=True)
    assert view is not None
    assert (view.low, view.high) == (-4.0, 0.0)
    flat, _ = _draw(_series([-1.0, -2.0]), 10, 8, log=True)
    assert flat is not None
    assert not flat.log


@given(
    st.lists(st.floats(allow_nan=True, allow_infinity=True), min_size=1, max_size=80),
    st.integers(1, 30),
    st.integers(1, 12),
    st.booleans(),
    st.booleans(),
)
def test_any_data_at_any_size_gives_a_whole_picture(
    values: list[float], columns: int, rows: int, log: bool, robust: bool
) -> None:
    series = _series(values, smoothing=0.9)
    _, picture = _draw(series, columns, rows, log=log, robust=robust)
    if picture is None:
        return
    assert [len(row) for row in picture] == [columns] * rows
    assert all(cell == EMPTY or len(cell[0]) == 1 for row in picture for cell in row)


@pytest.mark.parametrize("value", [0.0, 1e-30, -5.0, 1e30])
def test_a_single_value_is_visible(value: float) -> None:
    picture = _picture(_series([value]))
    assert any(cell[1] == MEAN for row in picture for cell in row)


def test_what_happened_in_one_column_stands_one_below_the_other() -> None:
    cells: list[Cell] = [EMPTY] * 6
    guides = [Guide(8, "C", "good"), Guide(8, "S", "strong"), Guide(8, "C", "good"), Guide(8, "R", "strong")]
    column = guided(cells, guides, lines=True)
    assert [text for text, _ in column] == ["R", "C", "S", "┊", "┊", "┊"]
    assert [text for text, _ in guided(cells[:2], guides, lines=False)] == ["R", cells[0][0]]
    assert [text for text, _ in guided(cells[:1], guides, lines=False)] == ["R"]
