"""Ways to fit a card: they do fit, what is said of them is true, and the wish decides their order."""

from __future__ import annotations

import itertools
from dataclasses import replace
from typing import get_args

import pytest

from presets.memory import GIB, WISHES, Card, JobShape, Wish, cheapest, estimate, solve, usable, weigh
from presets.memory.changes import ROUNDING
from presets.memory.run import WEIGHT_BITS
from presets.memory.solver import WORTH
from schemas.acceleration import Quantization
from tests.presets.memory.support import LARGE

SMALL = replace(LARGE, run=replace(LARGE.run, quantization="int8-quanto"))


@pytest.mark.parametrize("wish", WISHES)
@pytest.mark.parametrize("card", [16, 24, 32, 48, 80])
def test_proposals_fit_with_a_margin(card: int, wish: Wish) -> None:
    found = solve(LARGE, card * GIB, None, wish)
    assert found
    for proposal in found:
        assert proposal.fits
        assert proposal.peak_bytes <= usable(card * GIB)
        again = weigh(proposal.job, Card("", card * GIB))
        assert again.peak_bytes == proposal.peak_bytes
        assert again.host_bytes == proposal.host_bytes
        assert len({change.path for change in proposal.changes}) == len(proposal.changes)


@pytest.mark.parametrize("card", [24, 48])
def test_the_wish_decides(card: int) -> None:
    quick, good = solve(LARGE, card * GIB, None, "fastest"), solve(LARGE, card * GIB, None, "best quality")
    assert quick[0].slowdown == min(proposal.slowdown for proposal in (*quick, *good))
    assert good[0].loss == min(proposal.loss for proposal in (*quick, *good))
    assert good[0].quality == "frozen weights as published"
    assert quick[0].job.run.quantization == "int8-quanto"
    for ranked, key in ((quick, "slowdown"), (good, "loss")):
        values = [round(getattr(proposal, key), 2) for proposal in ranked]
        assert values == sorted(values)


def test_every_proposal_is_a_choice() -> None:
    for first, second in itertools.permutations(solve(LARGE, 24 * GIB), 2):
        assert first.loss < second.loss or first.slowdown < second.slowdown


def test_what_fits_may_stay_as_it_is() -> None:
    best = solve(LARGE, 80 * GIB)
    assert all(proposal.fits for proposal in best)
    assert any(not proposal.changes or proposal.slowdown < 1 for proposal in best)
    exact = solve(best[0].job, 80 * GIB)[0]
    assert exact.changes == ()
    assert exact.slowdown == 1


def test_host_memory_is_looked_at() -> None:
    rich, poor = solve(LARGE, 16 * GIB), solve(LARGE, 16 * GIB, 24 * GIB)
    assert rich[0].job.run.quantization is None
    assert poor[0].job.run.quantization == "int8-quanto"
    assert poor[0].host_bytes <= 24 * GIB


def test_a_batch_becomes_accumulation() -> None:
    job = replace(SMALL, run=replace(SMALL.run, batch=8, accumulation=2, video_tokens=20_000))
    found = solve(job, 16 * GIB)[0]
    changes = {change.path: change.value for change in found.changes}
    assert changes["optimization.batch_size"] == 1
    assert changes["optimization.gradient_accumulation_steps"] == 16


def test_full_training_becomes_a_lora_only_where_nothing_else_helps() -> None:
    job = replace(LARGE, run=replace(LARGE.run, full=True))
    large = solve(job, 500 * GIB)
    assert large[0].job.run.full
    found = solve(job, 32 * GIB)[0]
    assert found.fits
    assert ("model.training_mode", "lora") in [(change.path, change.value) for change in found.changes]


def test_where_nothing_fits_the_nearest_is_said() -> None:
    found = solve(LARGE, 2 * GIB)
    assert len(found) >= 1
    assert not any(proposal.fits for proposal in found)
    assert found[0].peak_bytes == min(proposal.peak_bytes for proposal in found)


def test_what_a_change_leaves_is_told_after_each() -> None:
    for proposal in solve(LARGE, 16 * GIB):
        assert proposal.changes[-1].peak_bytes == proposal.peak_bytes


def test_the_cheapest_changes_help_and_keep_what_is_learned() -> None:
    job = replace(LARGE, run=replace(LARGE.run, batch=4, checkpointing=False))
    before = estimate(job).peak("training_step")
    found = cheapest(job, "training_step")
    assert [change.path for change in found] == [
        "optimization.batch_size",
        "acceleration.blocks_to_swap",
        "optimization.enable_gradient_checkpointing",
    ]
    assert all(change.peak_bytes <= before - WORTH for change in found)
    assert "gradient_accumulation_steps 4" in found[0].why


def test_the_cheapest_changes_of_another_phase() -> None:
    assert [change.path for change in cheapest(LARGE, "text_encoding")] == [
        "acceleration.stream_text_encoder",
        "acceleration.load_text_encoder_in_8bit",
    ]
    assert cheapest(LARGE, "nothing") == ()


def test_a_tiny_job_needs_nothing() -> None:
    tiny: JobShape = replace(LARGE, model=replace(LARGE.model, layers=2))
    assert solve(tiny, 80 * GIB)[0].fits


def test_every_format_of_the_schema_is_known() -> None:
    kinds = get_args(Quantization)
    assert set(WEIGHT_BITS) == set(kinds)
    assert set(ROUNDING) == {None, *kinds}
    for kind in kinds:
        assert solve(replace(LARGE, run=replace(LARGE.run, quantization=kind)), 24 * GIB)[0].fits
