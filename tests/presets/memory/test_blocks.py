"""How many blocks are swapped and recomputed where the trainer chooses."""

from __future__ import annotations

from dataclasses import replace

import pytest

from presets.memory import GIB, BlockPlan, JobShape, RunShape, estimate, resolve_blocks, settled, usable
from tests.presets.memory.support import LARGE

FREE = replace(LARGE, auto_swap=True, auto_recompute=True, run=replace(LARGE.run, quantization="int8-quanto"))


def with_plan(job: JobShape, plan: BlockPlan) -> JobShape:
    return replace(job, run=replace(job.run, swapped=plan.swapped, recomputed=plan.recomputed))


def needed(job: JobShape) -> int:
    """Of the phases that blocks have a say in."""
    found = estimate(job)
    assert job.validation is not None
    aside = estimate(replace(job, validation=replace(job.validation, aside=True)))
    return max(found.peak("training_step"), found.peak("load"), found.peak("save"), aside.peak("validation"))


@pytest.mark.parametrize("card", [16, 24, 32, 48, 80])
@pytest.mark.parametrize("quantization", [None, "int8-quanto", "int4-quanto"])
def test_the_plan_fits_with_a_margin(card: int, quantization: str | None) -> None:
    job = replace(FREE, run=replace(FREE.run, quantization=quantization))
    plan = resolve_blocks(job, card * GIB)
    assert 0 <= plan.swapped <= 48
    assert 0 <= plan.recomputed <= 48
    assert needed(with_plan(job, plan)) <= usable(card * GIB)


def test_no_more_is_swapped_than_has_to_be() -> None:
    job = replace(FREE, auto_recompute=False)
    plan = resolve_blocks(job, 24 * GIB)
    assert plan.swapped > 2
    assert plan.recomputed == 48
    assert needed(with_plan(job, replace(plan, swapped=plan.swapped - 1))) > usable(24 * GIB)


def test_no_more_recompute_than_have_to() -> None:
    job = replace(FREE, auto_swap=False)
    plan = resolve_blocks(job, 80 * GIB)
    assert plan.swapped == 0
    assert 2 < plan.recomputed < 46
    assert needed(with_plan(job, replace(plan, recomputed=plan.recomputed - 1))) > usable(80 * GIB)


def test_a_large_card_does_neither() -> None:
    assert resolve_blocks(FREE, 300 * GIB) == BlockPlan(0, 0)


def test_only_what_is_left_open_is_chosen() -> None:
    job = replace(FREE, auto_swap=False, auto_recompute=False, run=replace(FREE.run, swapped=7, recomputed=40))
    for card in (8, 24, 300):
        assert resolve_blocks(job, card * GIB) == BlockPlan(7, 40)
    plain = replace(job, auto_recompute=True, run=replace(job.run, checkpointing=False))
    assert resolve_blocks(plain, 24 * GIB).recomputed == 0


def test_where_nothing_fits_the_plan_needs_least() -> None:
    assert resolve_blocks(FREE, 4 * GIB) == BlockPlan(48, 48)
    full = replace(FREE, run=RunShape(6120, 93, full=True))
    assert resolve_blocks(full, 4 * GIB).swapped == 0


def test_a_small_card_costs_no_less_than_a_large_one() -> None:
    counts = [resolve_blocks(replace(FREE, auto_recompute=False), card * GIB).swapped for card in (16, 20, 24, 28, 32)]
    assert counts == sorted(counts, reverse=True)


def test_settling_says_what_was_chosen() -> None:
    job = settled(replace(FREE, auto_recompute=False), 16 * GIB)
    assert not job.auto_swap
    assert job.run.swapped > 2
    assert job.text.streamed
    assert any(f"{job.run.swapped} blocks are swapped" in sentence for sentence in job.chosen)
    assert any("layer by layer" in sentence for sentence in job.chosen)
    assert settled(job, 16 * GIB) == job
    roomy = settled(LARGE, 80 * GIB)
    assert roomy == LARGE
