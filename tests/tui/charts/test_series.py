from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trainer.rundir.columns import CAPACITY
from tui.charts.series import Series


def test_every_value_counts_once_whatever_the_bin_width() -> None:
    series = Series()
    for step in range(3 * CAPACITY):
        series.add(step, float(step))
    assert series.width == 4
    assert len(series.bins) <= CAPACITY
    assert sum(series.bins.count) == 3 * CAPACITY
    assert series.bins.low[0] == 0
    assert series.bins.high[0] == series.width - 1


def test_values_that_are_not_finite_touch_nothing_but_their_own_count() -> None:
    series = Series()
    for step, value in enumerate([1.0, math.nan, math.inf, -math.inf, 2.0]):
        series.add(step, value)
    assert list(series.bins.bad) == [0, 1, 1, 1, 0]
    assert list(series.bins.count) == [1, 0, 0, 0, 1]
    assert all(math.isfinite(value) for value in series.refresh_smooth())


def test_a_repeated_step_replaces_what_came_after_it() -> None:
    series = Series()
    for step in range(10):
        series.add(step, 1.0)
    for step in range(5, 8):
        series.add(step, 9.0)
    assert list(series.bins.high) == [1.0] * 5 + [9.0] * 3
    assert series.last_step == 7


def test_smoothing_of_a_constant_is_the_constant_from_the_first_step() -> None:
    series = Series(smoothing=0.99)
    for step in range(5):
        series.add(step, 3.0)
    assert series.refresh_smooth() == pytest.approx([3.0] * 5)


@given(st.lists(st.floats(-1e3, 1e3), min_size=1, max_size=60), st.floats(0, 0.99))
def test_smoothing_in_pieces_equals_smoothing_at_once(values: list[float], smoothing: float) -> None:
    at_once, in_pieces = Series(smoothing=smoothing), Series(smoothing=smoothing)
    for step, value in enumerate(values):
        at_once.add(step, value)
        in_pieces.add(step, value)
        in_pieces.refresh_smooth()
    assert in_pieces.refresh_smooth() == at_once.refresh_smooth(), "to the bit, so that both are drawn alike"


def test_smoothing_matches_the_textbook_formula() -> None:
    values, keep = [1.0, 5.0, 2.0, 4.0], 0.8
    series = Series(smoothing=keep)
    mean = 0.0
    expected = []
    for step, value in enumerate(values):
        series.add(step, value)
        mean = keep * mean + (1 - keep) * value
        expected.append(mean / (1 - keep ** (step + 1)))
    assert series.refresh_smooth() == pytest.approx(expected)
