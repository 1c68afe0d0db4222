"""What to change in a configuration to need less memory: each change tried out, those that cost least first."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final

from presets.memory.decoding import SPATIAL, TEMPORAL, ClipSize
from presets.memory.estimate import Estimate, JobShape, estimate
from presets.memory.run import WEIGHT_BITS

WORTH: Final = 64 << 20
"""A change that saves less than this is not worth a line."""
SMALL: Final = ClipSize(576, 576, 49)
"""A clip size that every card for these models can validate at."""


@dataclass(frozen=True, slots=True)
class Change:
    """One change and the memory it leaves."""

    path: str
    """Of the setting."""
    value: object
    why: str
    """What it costs."""
    peak_bytes: int
    """Of the run with this change and all those listed before it."""


Try = Callable[[JobShape], JobShape | None]
"""A job with one thing changed; None where there is nothing to change."""


def advise(now: Estimate, card_bytes: int) -> tuple[Change, ...]:
    """Changes to make one after the other until the run fits, or all that help; empty when it fits already."""
    changes: list[Change] = []
    # Twice: what changes nothing at first may help once another phase needs most.
    for path, value, why, change in _CANDIDATES * 2:
        if now.fits(card_bytes):
            break
        job = change(now.job)
        if job is None:
            continue
        tried = estimate(job)
        if now.peak_bytes - tried.peak_bytes >= WORTH:
            changes = [found for found in changes if found.path != path]
            changes.append(Change(path, value, why, tried.peak_bytes))
            now = tried
    return tuple(changes)


def _checkpointing(job: JobShape) -> JobShape | None:
    return None if job.run.checkpointing else replace(job, run=replace(job.run, checkpointing=True))


def _text_in_8bit(job: JobShape) -> JobShape | None:
    done = job.text.in_8bit or not job.text.encodes_prompts
    return None if done else replace(job, text=replace(job.text, in_8bit=True))


def _one_per_batch(job: JobShape) -> JobShape | None:
    return None if job.run.batch == 1 else replace(job, run=replace(job.run, batch=1))


def _small_state(job: JobShape) -> JobShape | None:
    return None if job.run.optimizer == "adamw8bit" else replace(job, run=replace(job.run, optimizer="adamw8bit"))


def _offload(job: JobShape) -> JobShape | None:
    shape = job.validation
    if shape is None or shape.offload_optimizer:
        return None
    return replace(job, validation=replace(shape, offload_optimizer=True))


def _small_samples(job: JobShape) -> JobShape | None:
    shape = job.validation
    if shape is None or shape.clip is None or shape.clip.pixels * shape.clip.frames <= SMALL.pixels * SMALL.frames:
        return None
    tokens = SMALL.pixels // SPATIAL**2 * ((SMALL.frames - 1) // TEMPORAL + 1)
    return replace(job, validation=replace(shape, clip=SMALL, video_tokens=tokens))


def _adapter(job: JobShape) -> JobShape | None:
    return replace(job, run=replace(job.run, full=False)) if job.run.full else None


def _quantized(kind: str) -> Try:
    def change(job: JobShape) -> JobShape | None:
        now = job.run.quantization
        if job.run.full or (now is not None and WEIGHT_BITS[now] <= WEIGHT_BITS[kind]):
            return None
        return replace(job, run=replace(job.run, quantization=kind))

    return change


def _rank(rank: int) -> Try:
    def change(job: JobShape) -> JobShape | None:
        return replace(job, run=replace(job.run, rank=rank)) if not job.run.full and rank < job.run.rank else None

    return change


_SMALL_VALUE: Final = [SMALL.width, SMALL.height, SMALL.frames]
_RANK_COST: Final = "a smaller adapter learns less"
_CANDIDATES: Final[tuple[tuple[str, object, str, Try], ...]] = (
    ("optimization.enable_gradient_checkpointing", True, "a step takes about a third longer", _checkpointing),
    ("acceleration.load_text_encoder_in_8bit", True, "prompts are encoded a little less exactly", _text_in_8bit),
    ("optimization.batch_size", 1, "raise gradient_accumulation_steps as much; slower", _one_per_batch),
    ("optimization.optimizer_type", "adamw8bit", "hardly any difference in quality", _small_state),
    ("acceleration.offload_optimizer_during_validation", True, "a few seconds per validation", _offload),
    ("validation.video_dims", _SMALL_VALUE, "smaller samples; training is the same", _small_samples),
    ("model.training_mode", "lora", "an adapter is trained instead of all weights", _adapter),
    (
        "acceleration.quantization",
        "int8-quanto",
        "frozen weights rounded; predictions move by 1 %",
        _quantized("int8-quanto"),
    ),
    ("lora.rank", 32, _RANK_COST, _rank(32)),
    ("lora.rank", 16, _RANK_COST, _rank(16)),
    ("acceleration.quantization", "int4-quanto", "rounded harder; predictions move by 8 %", _quantized("int4-quanto")),
    ("lora.rank", 8, _RANK_COST, _rank(8)),
)
"""Only settings that the trainer heeds, those that cost least first."""
