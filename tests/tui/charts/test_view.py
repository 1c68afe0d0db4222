from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from tui.charts.view import SMALLEST_WINDOW, View, Window, make_view, value_range


def test_the_whole_run_has_room_to_grow() -> None:
    assert Window.whole(0).steps >= 16
    assert Window.whole(1000) == Window.whole(1020), "a new step moves nothing"
    assert Window.whole(1_000_000).end > 1_000_000


def test_the_newest_steps_move_on_by_a_quarter() -> None:
    windows = [Window.newest(100, step) for step in range(200, 300)]
    assert len(set(windows)) == 4
    assert all(window.start <= step < window.end for window, step in zip(windows, range(200, 300), strict=True))
    assert Window.newest(100, 5).start == 0


@given(st.integers(0, 10**6), st.integers(16, 10**6), st.floats(0, 1), st.sampled_from([0.5, 2.0]))
def test_zooming_keeps_what_is_looked_at_where_it_is(start: int, steps: int, share: float, factor: float) -> None:
    window = Window(start, steps)
    centre = start + int(share * (steps - 1))
    zoomed = window.zoomed(factor, centre)
    assert zoomed.steps >= SMALLEST_WINDOW
    assert zoomed.start <= centre <= zoomed.end
    if zoomed.start > 0 and zoomed.steps > SMALLEST_WINDOW:
        assert abs((centre - zoomed.start) / zoomed.steps - (centre - start) / steps) < 0.1


def test_panning_stays_with_the_data() -> None:
    window = Window(100, 100)
    assert window.panned(0.25, 1000) == Window(125, 100)
    assert window.panned(-5, 1000).start == 0
    assert window.panned(50, 180).start < 180


def test_steps_and_cells_are_inverse() -> None:
    view = View(40, 8, 1000, 512, 0.0, 1.0, 0.5)
    for cell in range(40):
        assert view.column_of(view.step_of(cell)) // 2 == cell


def test_a_robust_range_leaves_a_spike_out() -> None:
    lows, highs = [1.0 + step / 1000 for step in range(200)], [1.1 + step / 1000 for step in range(199)] + [900.0]
    assert value_range(lows, highs) == (1.0, 900.0)
    low, high = value_range(lows, highs, robust=True) or (0.0, 0.0)
    assert low >= 1.0
    assert high < 2.0
    assert value_range([], []) is None


def test_values_are_scaled_to_the_unit_of_the_axis() -> None:
    view = make_view(10, 5, Window(0, 16), (2.0 * 2**30, 7.0 * 2**30), scale=2**-30)
    assert (view.low, view.high) == (0.0, 7.5)
    assert view.row_of(7.5 * 2**30) == 0
    log = make_view(10, 12, Window(0, 16), (0.0, 100.0), log=True, floor=0.1)
    assert (log.low, log.high) == (-1.0, 2.0)
