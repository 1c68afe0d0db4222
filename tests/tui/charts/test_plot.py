"""A picture that is kept up to date equals one that is drawn anew, and costs what has changed."""

from __future__ import annotations

import math
import random
import time

from hypothesis import given, settings
from hypothesis import strategies as st

from trainer.rundir.columns import CAPACITY, Columns
from tui.charts.lines import ChartOptions, Sheet, chart_lines
from tui.charts.plot import Curve, Frame, Plot
from tui.charts.raster import Guide
from tui.charts.series import Series
from tui.charts.view import Window


def _curves(columns: Columns, smoothing: float = 0.9) -> list[Curve]:
    return [
        Curve("a", Series(columns, "a", smoothing), "accent", band=True),
        Curve("b", Series(columns, "b", smoothing), "curve2", smooth=False),
    ]


_value = st.one_of(st.floats(-5, 5), st.floats(), st.just(math.nan), st.just(math.inf))
_jump = st.sampled_from([1, 1, 1, 2, 7, -3])


@settings(max_examples=30, deadline=None)
@given(st.lists(st.tuples(_jump, _value, st.booleans()), min_size=1, max_size=60), st.integers(1, 8))
def test_drawing_on_equals_drawing_anew(records: list[tuple[int, float, bool]], every: int) -> None:
    columns, plot, step = Columns(), Plot(), 0
    kept = _curves(columns)
    for number, (jump, value, both) in enumerate(records):
        step = max(0, step + jump)
        columns.take([(step, {"a": value, "b": value / 2} if both else {"a": value})])
        if number % every:
            continue
        frame = Frame(23, 6, Window.whole(columns.last_step), guides=(Guide(3, "C", "good"),), cursor=step)
        assert plot.draw(kept, frame) == Plot().draw(_curves(columns), frame)


def test_bins_that_double_are_drawn_anew() -> None:
    columns, plot = Columns(), Plot()
    kept = _curves(columns)
    for last in (CAPACITY - 1, CAPACITY, CAPACITY + 700, 3 * CAPACITY):
        first = columns.last_step + 1
        columns.take([(step, {"a": math.sin(step / 300)}) for step in range(first, last + 1)])
        frame = Frame(40, 6, Window.whole(last))
        assert plot.draw(kept, frame) == Plot().draw(_curves(columns), frame)


def test_an_update_of_a_long_run_takes_a_few_milliseconds() -> None:
    columns, noise = Columns(), random.Random(0)
    columns.take([(step, {"a": noise.random(), "b": noise.random()}) for step in range(50_000)])
    kept, plot = _curves(columns), Plot()
    plot.draw(kept, Frame(150, 13, Window.whole(60_000)))
    best = math.inf
    for step in range(50_000, 50_020):
        columns.take([(step, {"a": 0.5, "b": 0.5})])
        started = time.process_time()
        plot.draw(kept, Frame(150, 13, Window.whole(60_000)))
        best = min(best, time.process_time() - started)
    assert best < 0.02, f"{1000 * best:.1f} ms"


def test_other_curves_in_the_same_plot_start_afresh() -> None:
    plot, one, two = Plot(), Columns(), Columns()
    one.take([(step, {"a": 1.0, "b": 2.0}) for step in range(30)])
    two.take([(step, {"a": float(step)}) for step in range(30)])
    frame = Frame(20, 5, Window.whole(29))
    plot.draw(_curves(one), frame)
    assert plot.draw(_curves(two), frame) == Plot().draw(_curves(two), frame)
    assert plot.draw(_curves(two)[:1], frame) == Plot().draw(_curves(two)[:1], frame)


def test_the_label_of_the_cursor_stands_alone() -> None:
    columns, plot = Columns(), Plot()
    columns.take([(step, {"a": step / 10, "b": 1.0}) for step in range(100)])
    sheet = Sheet("loss", tuple(_curves(columns)))
    for cursor in range(100):
        axis = "".join(
            text for text, _ in chart_lines(plot, sheet, 60, 8, ChartOptions(Window(0, 100), cursor=cursor))[-1]
        )
        assert str(cursor) in axis.split()
        assert set(map(int, axis.split())) <= {0, 25, 50, 75, 100, cursor}
