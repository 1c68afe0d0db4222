"""Metrics in bins: bulk filling tells the same as one value at a time, and nothing hostile gets in."""

from __future__ import annotations

import math
import random
from typing import Any

import pytest

from trainer.rundir.columns import CAPACITY, MOST_METRICS, Columns


def _filled(values: list[float], *, block: int, name: str = "loss") -> Columns:
    columns = Columns()
    records = [(step, {name: value}) for step, value in enumerate(values)]
    for start in range(0, len(records), block):
        columns.take(records[start : start + block])
    return columns


@pytest.mark.parametrize("block", [1, 7, 5000, 30_000])
def test_bins_hold_extremes_sum_and_count_however_they_were_filled(block: int) -> None:
    source = random.Random(1)
    values = [source.uniform(-1, 1) for _ in range(3 * CAPACITY)]
    columns = _filled(values, block=block)
    loss = columns.by_name["loss"]
    assert columns.width == 4
    assert len(loss) == 3 * CAPACITY // 4
    for index in (0, 17, len(loss) - 1):
        inside = values[4 * index : 4 * index + 4]
        assert (loss.low[index], loss.high[index], loss.count[index]) == (min(inside), max(inside), 4)
        assert loss.total[index] == pytest.approx(sum(inside))
    assert (loss.last, loss.last_step, columns.last_step) == (values[-1], len(values) - 1, len(values) - 1)


def test_what_is_expected_beforehand_ends_in_the_same_bins() -> None:
    values = [float(step % 97) for step in range(3 * CAPACITY)]
    expected = Columns()
    expected.expect(len(values) - 1)
    expected.take([(step, {"loss": value}) for step, value in enumerate(values)])
    assert expected == _filled(values, block=1000)


def test_what_is_not_finite_is_counted_apart() -> None:
    columns = Columns(width=8)
    values = [1.0, math.nan, math.inf, 3.0, 1e308, -1e308]
    columns.take([(step, {"loss": value}) for step, value in enumerate(values)])
    loss = columns.by_name["loss"]
    assert (loss.low[0], loss.high[0], loss.total[0], loss.count[0], loss.bad[0]) == (1.0, 3.0, 4.0, 2, 4)
    columns.take([(8, {"loss": 1e308}), (9, {"loss": 1e307})])
    assert (loss.count[1], loss.bad[1]) == (0, 2)


def test_metrics_that_come_and_go_keep_their_own_newest_value() -> None:
    columns = Columns(width=8)
    columns.take([(0, {"a": 1.0, "b": 2.0}), (1, {"a": 3.0}), (2, {"b": 5.0, "a": 4.0}), (3, {"a": 6.0})])
    a, b = columns.by_name["a"], columns.by_name["b"]
    assert (a.last, a.last_step, a.count[0]) == (6.0, 3, 4)
    assert (b.last, b.last_step, b.count[0]) == (5.0, 2, 2)


def test_going_back_forgets_what_lay_beyond() -> None:
    columns = _filled([float(step) for step in range(100)], block=100)
    columns.take([(50, {"loss": -1.0})])
    loss = columns.by_name["loss"]
    assert (len(loss), loss.low[50], columns.last_step) == (51, -1.0, 50)


def test_the_newest_step_once_more_replaces_only_itself() -> None:
    columns = Columns(width=4)
    columns.take([(4, {"loss": 1.0}), (5, {"loss": 9.0}), (5, {"loss": 2.0, "validation": 7.0})])
    loss, validation = columns.by_name["loss"], columns.by_name["validation"]
    assert (loss.count[1], loss.total[1], loss.last) == (2, 3.0, 2.0)
    assert (validation.count[1], validation.last) == (1, 7.0)
    columns.take([(5, {"loss": math.nan}), (5, {"loss": 4.0})])
    assert (loss.count[1], loss.bad[1], loss.total[1]) == (2, 0, 5.0)


def test_the_record_before_a_cut_may_come_once_more() -> None:
    columns = _filled([1.0] * 10, block=10)
    columns.cut(6)
    columns.take([(5, {"validation": 3.0, "loss": 1.0}), (6, {"loss": 2.0})])
    assert columns.last_step == 6
    assert len(columns.by_name["loss"]) == 7


def test_wrong_types_and_endless_names_do_not_get_in() -> None:
    columns = Columns()
    odd: dict[str, Any] = {"a": True, "b": None, "c": "text", "d": [1], "e": 10**400, "f": "NaN", "g": 3}
    columns.take([(0, odd), (1, odd)])
    assert set(columns.by_name) == {"e", "f", "g"}
    assert [columns.by_name[name].bad[1] for name in "efg"] == [1, 1, 0]
    columns.take([(2 + n, {f"name {n}": 1.0}) for n in range(2 * MOST_METRICS)])
    assert len(columns.by_name) == MOST_METRICS


def test_an_absurd_step_costs_nothing() -> None:
    columns = Columns()
    columns.take([(0, {"loss": 1.0}), (2**53 - 1, {"loss": 2.0}), (3, {"loss": 3.0})])
    assert len(columns.by_name["loss"]) <= CAPACITY
    assert columns.by_name["loss"].last == 3.0
