from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.errors import DataError
from trainer.loop.order import BatchOrder, OrderedBatches


@given(st.lists(st.sampled_from("ab"), min_size=6, max_size=20), st.integers(1, 3), st.integers(0, 5))
def test_an_epoch_shows_no_clip_twice_and_mixes_no_shapes(shapes: list[str], size: int, epoch: int) -> None:
    order = BatchOrder(tuple(shapes), size, seed=3)
    batches = order.epoch(epoch)
    assert len(batches) == order.per_epoch == sum(shapes.count(shape) // size for shape in "ab")
    shown = [index for batch in batches for index in batch]
    assert len(shown) == len(set(shown))
    assert all(len({shapes[index] for index in batch}) == 1 for batch in batches)
    assert all(len(batch) == size for batch in batches)


def test_order_depends_on_seed_and_epoch_alone() -> None:
    order = BatchOrder(("a",) * 9, 1, seed=1)
    assert order.epoch(2) == BatchOrder(("a",) * 9, 1, seed=1).epoch(2)
    assert order.epoch(2) != order.epoch(3)
    assert order.epoch(2) != BatchOrder(("a",) * 9, 1, seed=2).epoch(2)


def test_starting_in_the_middle_is_going_on() -> None:
    order = BatchOrder(("a", "b", "a", "b", "a"), 1, seed=5)
    whole = list(itertools.islice(OrderedBatches(order, 0), 17))
    later = list(itertools.islice(OrderedBatches(order, 7), 10))
    assert whole[7:] == later
    assert whole == [list(order.batch(number)) for number in range(17)]


def test_ranks_share_an_epoch_without_overlap() -> None:
    order = BatchOrder(("a",) * 8, 2, seed=5)
    ranks = [list(itertools.islice(OrderedBatches(order, 0, rank, 2), 4)) for rank in (0, 1)]
    together = [batch for pair in zip(*ranks, strict=True) for batch in pair]
    assert together == list(itertools.islice(OrderedBatches(order, 0), 8))


def test_clips_that_never_fill_a_batch_are_named() -> None:
    assert BatchOrder(("a", "b", "a"), 2, seed=0).left_out == (1,)
    with pytest.raises(DataError, match="at most 1 of one shape"):
        BatchOrder(("a", "b"), 2, seed=0)
    with pytest.raises(DataError, match="0 clips"):
        BatchOrder((), 1, seed=0)
