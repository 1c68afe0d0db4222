"""A training step at full width on fake tensors: its peak without a card and without the memory."""

from __future__ import annotations

from dataclasses import replace
from math import isqrt
from typing import Final

from presets.memory import JobShape
from tests.oracle.training import Case, measure_training

_LEAST: Final = 3
"""Swapped blocks from which on another one changes the peak by the same."""


def fake_step(job: JobShape) -> int | None:
    """Bytes at the peak of the step; None where blocks differ in more than where their weights are.

    Every block beyond the first few adds the same, so a few blocks are run and the line is drawn on: along blocks that
    stand on the card, and along swapped ones.
    """
    run, layers = job.run, job.model.layers
    if run.recomputed not in (None, layers):
        return None
    case = _case(job)
    if not run.swapped:
        two, three = (_peak(replace(case, layers=count)) for count in (2, 3))
        return two + (layers - 2) * (three - two)
    first = _peak(replace(case, layers=_LEAST + 1, swapped=_LEAST))
    held = _peak(replace(case, layers=_LEAST + 2, swapped=_LEAST)) - first
    swapped = _peak(replace(case, layers=_LEAST + 2, swapped=_LEAST + 1)) - first
    return first + (layers - run.swapped - 1) * held + (run.swapped - _LEAST) * swapped


def _case(job: JobShape) -> Case:
    run = job.run
    assert job.clip is not None
    frames = (job.clip.frames - 1) // 8 + 1
    height, width = job.clip.height // 32, job.clip.width // 32
    assert frames * height * width == run.video_tokens, isqrt(run.video_tokens)
    return Case(
        family=job.model.name,
        video=(frames, height, width),
        audio=run.audio_tokens or None,
        text=run.text_tokens,
        rank=run.rank,
        targets=run.targets,
        dropout=run.dropout,
        checkpointing=run.checkpointing,
        quantization=run.quantization,
        accumulating=run.accumulation > 1,
        per_token=bool(run.mixed),
    )


def _peak(case: Case) -> int:
    return measure_training(case).peak.total
