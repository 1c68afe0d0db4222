"""Every preset on every card it has settings for: it fits by the estimate, in every phase, whatever the release."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import pytest

import presets
from presets.memory import GIB, PUBLISHED, Card, Estimate, JobShape, weigh
from schemas import validate
from trainer.preflight.memory import published_job

BARS = {16: 14.5, 24: 22.0, 32: 28.0}
"""GB that the tier may need at 576x576x49 with video and audio, rank 16, one sample at a time."""


@cache
def job(name: str, tier: int) -> JobShape:
    return published_job(validate(presets.load(name, vram=tier)))


def on(tier: int, found: JobShape, model: str) -> Estimate:
    return weigh(replace(found, model=PUBLISHED[model]), Card("", tier * GIB))


@pytest.mark.parametrize("tier", presets.tiers())
@pytest.mark.parametrize("name", presets.names())
def test_fits_with_room_to_spare(name: str, tier: int) -> None:
    for model in PUBLISHED:
        found = on(tier, job(name, tier), model)
        needs = {phase: round(found.peak(phase) / GIB, 1) for phase in found.phases}
        assert found.peak_bytes <= 0.9 * tier * GIB, (model, needs)


@pytest.mark.parametrize("model", ["2.0", "2.3"])
@pytest.mark.parametrize("tier", BARS)
def test_the_bars_hold_in_every_phase(tier: int, model: str) -> None:
    """As configured: nothing needs to step aside by itself for it."""
    found = on(tier, job("t2v_lora", tier), model)
    assert found.job.chosen == ()
    run = found.job.run
    assert (run.video_tokens, run.audio_tokens, run.rank, run.batch) == (2268, 51, 16, 1)
    assert set(found.phases) >= {"text_encoding", "load", "training_step", "validation", "save"}
    for phase in found.phases:
        assert found.peak(phase) <= BARS[tier] * GIB, phase


@pytest.mark.parametrize("tier", BARS)
def test_the_bars_hold_for_training_2_5(tier: int) -> None:
    found = on(tier, job("t2v_lora", tier), "2.5")
    for phase in ("text_encoding", "load", "training_step", "save"):
        assert found.peak(phase) <= BARS[tier] * GIB, phase


def test_half_a_model_is_not_swapped_for_nothing() -> None:
    for tier in presets.tiers():
        assert job("t2a_lora", tier).run.swapped == 0


def test_larger_tiers_round_less() -> None:
    assert [job("t2v_lora", tier).run.quantization for tier in presets.tiers()] == [*["int8-quanto"] * 3, None, None]
    assert job("t2v_lora", 80).run.swapped == 0
