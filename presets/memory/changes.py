"""Single changes of a configuration that need less memory: what each is, what it costs, and the job after it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final

from presets.memory.decoding import SPATIAL, TEMPORAL, ClipSize
from presets.memory.estimate import JobShape

SMALL: Final = ClipSize(576, 576, 49)
"""A clip size that every card for these models can validate at."""
ROUNDING: Final = {
    None: (0.0, "frozen weights as published"),
    "int8-quanto": (1.0, "frozen weights rounded to 8 bits; predictions move by 1 %"),
    "fp8-quanto": (3.0, "frozen weights rounded to 8-bit floats; predictions move by 3 %"),
    "fp8uz-quanto": (3.0, "frozen weights rounded to 8-bit floats; predictions move by 3 %"),
    "int4-quanto": (8.0, "frozen weights rounded hard; predictions move by 8 %"),
    "nf4-bnb": (8.0, "frozen weights rounded hard, to steps of a normal distribution; predictions move by 8 %"),
    "int2-quanto": (60.0, "frozen weights rounded so hard that predictions are other ones: an experiment"),
}
"""How much worse, in percent of a prediction as measured on the small models, and in words."""
_CHECKPOINTING: Final = "optimization.enable_gradient_checkpointing"
SMALLER_RANK: Final = 4.0
"""What halving the rank counts for in the same measure: a guess."""


@dataclass(frozen=True, slots=True)
class Setting:
    """One change: its value, and what it costs in words."""

    path: str
    value: object
    why: str


@dataclass(frozen=True, slots=True)
class Move:
    """One or two settings that belong together, the job with them, and how much worse the result may be."""

    settings: tuple[Setting, ...]
    job: JobShape
    loss: float = 0.0
    """In percent of a prediction, see ``ROUNDING``."""


Try = Callable[[JobShape], Move | None]
"""A move from a job; None where there is nothing to change."""


def quantized(job: JobShape, kind: str | None) -> Move | None:
    """Frozen weights in another format; None for full training and where it is so already."""
    if job.run.full or job.run.quantization == kind:
        return None
    loss, why = ROUNDING[kind]
    setting = Setting("acceleration.quantization", kind, why)
    return Move((setting,), replace(job, run=replace(job.run, quantization=kind)), loss)


def text_in_8bit(job: JobShape) -> Move | None:
    if job.text.in_8bit or job.text.streamed or not job.text.encodes_prompts:
        return None
    setting = Setting("acceleration.load_text_encoder_in_8bit", True, "prompts are encoded a little less exactly")
    return Move((setting,), replace(job, text=replace(job.text, in_8bit=True)), 0.3)


def text_streamed(job: JobShape) -> Move | None:
    if job.text.streamed or not job.text.encodes_prompts:
        return None
    setting = Setting("acceleration.stream_text_encoder", True, "the same numbers; up to a minute when the run starts")
    return Move((setting,), replace(job, text=replace(job.text, streamed=True)))


def one_per_batch(job: JobShape) -> Move | None:
    run = job.run
    if run.batch == 1:
        return None
    together = run.batch * run.accumulation
    settings = (
        Setting("optimization.batch_size", 1, "the same optimizer step from more, smaller parts"),
        Setting("optimization.gradient_accumulation_steps", together, "as many samples per optimizer step as before"),
    )
    return Move(settings, replace(job, run=replace(run, batch=1, accumulation=together)))


def small_state(job: JobShape) -> Move | None:
    if job.run.optimizer == "adamw8bit":
        return None
    setting = Setting("optimization.optimizer_type", "adamw8bit", "hardly any difference in quality")
    return Move((setting,), replace(job, run=replace(job.run, optimizer="adamw8bit")), 0.2)


def offload(job: JobShape) -> Move | None:
    shape = job.validation
    if shape is None or shape.offload_optimizer:
        return None
    path = "acceleration.offload_optimizer_during_validation"
    setting = Setting(path, True, "the same numbers; a few seconds per validation")
    return Move((setting,), replace(job, validation=replace(shape, offload_optimizer=True)))


def small_samples(job: JobShape) -> Move | None:
    shape = job.validation
    if shape is None or shape.clip is None or shape.clip.pixels * shape.clip.frames <= SMALL.pixels * SMALL.frames:
        return None
    tokens = SMALL.pixels // SPATIAL**2 * ((SMALL.frames - 1) // TEMPORAL + 1)
    value = [SMALL.width, SMALL.height, SMALL.frames]
    setting = Setting("validation.video_dims", value, "smaller samples; training is the same")
    return Move((setting,), replace(job, validation=replace(shape, clip=SMALL, video_tokens=tokens)))


def half_rank(job: JobShape) -> Move | None:
    rank = job.run.rank // 2
    if job.run.full or rank < 4:
        return None
    setting = Setting("lora.rank", rank, "a smaller adapter learns less; set lora.alpha to the same")
    return Move((setting,), replace(job, run=replace(job.run, rank=rank)), SMALLER_RANK)


def adapter(job: JobShape) -> Move | None:
    """In place of full training; the rank is the one a LoRA has by default."""
    if not job.run.full:
        return None
    setting = Setting("model.training_mode", "lora", "an adapter is trained in place of all weights")
    return Move((setting,), replace(job, run=replace(job.run, full=False, rank=32)), 20.0)


def blocks(job: JobShape, swapped: int, recomputed: int) -> Move | None:
    """So many blocks swapped and recomputed; None where that is how it is."""
    run, layers = job.run, job.model.layers
    settings: list[Setting] = []
    if recomputed and not run.checkpointing:
        settings.append(Setting(_CHECKPOINTING, True, "the same numbers; less memory, more time"))
    if recomputed != run.recomputes(layers) or job.auto_recompute:
        value: object = "all" if recomputed == layers else recomputed
        if not (settings and recomputed == layers and run.recomputed is None):
            why = f"the same numbers; {recomputed} of {layers} blocks computed twice"
            settings.append(Setting("acceleration.blocks_to_recompute", value, why))
    if swapped != run.swapped or job.auto_swap:
        why = "the same numbers; weights travel beside the computation" if swapped else "all weights on the card"
        settings.append(Setting("acceleration.blocks_to_swap", swapped, why))
    if not settings:
        return None
    checkpointed = run.checkpointing or recomputed > 0
    run = replace(run, swapped=swapped, recomputed=recomputed, checkpointing=checkpointed)
    return Move(tuple(settings), replace(job, run=run, auto_swap=False, auto_recompute=False))
