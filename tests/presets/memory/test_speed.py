"""Times are ratios: what costs more than what, and about how much."""

from __future__ import annotations

from dataclasses import replace

import pytest

from presets.memory.speed import pace, seconds
from tests.presets.memory.support import LARGE

RUN, MODEL = LARGE.run, LARGE.model


def ratio(**changes: object) -> float:
    return seconds(MODEL, replace(RUN, **changes)) / seconds(MODEL, RUN)  # type: ignore[arg-type]


def test_recomputing_all_is_a_third_of_the_step() -> None:
    assert ratio(checkpointing=False) == pytest.approx(2 / 3)
    assert ratio(recomputed=24) == pytest.approx(5 / 6)


def test_full_training_computes_gradients_of_weights_too() -> None:
    assert ratio(full=True) == pytest.approx(4 / 3)


def test_more_swapped_blocks_take_longer() -> None:
    times = [ratio(swapped=count) for count in (0, 10, 20, 48)]
    assert times == sorted(times)
    assert times[0] == 1
    assert times[-1] < 1.5


def test_transfers_cannot_hide_behind_few_tokens() -> None:
    few = replace(RUN, video_tokens=300, audio_tokens=10)
    assert seconds(MODEL, replace(few, swapped=48)) > 2 * seconds(MODEL, few)


def test_fewer_bits_travel_faster_and_are_unpacked() -> None:
    plain, eight = pace(MODEL, RUN), pace(MODEL, replace(RUN, quantization="int8-quanto"))
    assert eight.transfer == pytest.approx(plain.transfer / 2, rel=0.03)
    assert eight.compute > plain.compute


def test_a_batch_shares_what_is_done_once() -> None:
    swapped = replace(RUN, quantization="int8-quanto", swapped=20)
    assert seconds(MODEL, replace(swapped, batch=4)) < seconds(MODEL, swapped)
