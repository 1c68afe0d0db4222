from __future__ import annotations

import itertools
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tui.charts.ticks import grown_domain, label, nice_range, nice_step, short


@given(st.floats(-1e12, 1e12), st.floats(-1e12, 1e12), st.integers(1, 20))
def test_a_range_always_holds_its_values_and_has_height(first: float, second: float, pieces: int) -> None:
    low, high = min(first, second), max(first, second)
    start, end, step = nice_range(low, high, pieces)
    slack = 1e-6 * max(abs(low), abs(high), step)
    assert start <= low + slack
    assert end >= high - slack
    assert end > start
    assert step > 0


@pytest.mark.parametrize(("span", "pieces", "step"), [(1, 4, 0.25), (0.9, 10, 0.1), (7, 4, 2), (3e-5, 3, 1e-5)])
def test_steps_are_round(span: float, pieces: int, step: float) -> None:
    assert nice_step(span, pieces) == pytest.approx(step)


def test_domain_grows_by_a_quarter_and_holds_every_step() -> None:
    domains = [grown_domain(steps) for steps in range(1, 5000)]
    assert all(domain >= steps for steps, domain in enumerate(domains, start=1))
    changes = sum(1 for before, after in itertools.pairwise(domains) if before != after)
    assert changes < 30, "every change repaints the whole chart"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.12345, "0.1235"),
        (12.345, "12.35"),
        (1e-4, "1e-4"),
        (1.2e-6, "1.2e-6"),
        (9500.0, "9500"),
        (123456.0, "123.5k"),
        (2.5e6, "2.5M"),
        (0.0, "0"),
        (math.nan, "nan"),
        (-math.inf, "-inf"),
    ],
)
def test_short_numbers(value: float, text: str) -> None:
    assert short(value) == text


@given(st.floats(allow_nan=True, allow_infinity=True))
def test_short_numbers_stay_short(value: float) -> None:
    assert len(short(value)) <= 9


@pytest.mark.parametrize(
    ("value", "step", "text"), [(0.25, 0.25, "0.25"), (0.5, 0.1, "0.5"), (3, 1, "3"), (1e-20, 0.1, "0")]
)
def test_labels_have_the_digits_of_their_step(value: float, step: float, text: str) -> None:
    assert label(value, step) == text
