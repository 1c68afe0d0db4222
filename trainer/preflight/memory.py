"""What the memory estimate is made from: a configuration, and whatever of its files is on this machine."""

from __future__ import annotations

import math
import os
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from presets.geometry import AUDIO_RATE, video_tokens
from presets.memory import (
    ClipSize,
    JobShape,
    RunShape,
    SavingShape,
    TextShape,
    ValidationShape,
)
from presets.memory.shapes import MODALITIES
from schemas.conditions import ReferenceCondition
from schemas.validation_conditions import ReferenceSample
from trainer.files.samples import AudioShape, VideoShape
from trainer.files.samples import TextShape as CaptionShape
from trainer.preflight.facts import Facts, Opened
from trainer.preflight.model_shape import run_model

if TYPE_CHECKING:
    from schemas import LtxTrainerConfig
    from schemas.strategy import ModalityConfig
    from schemas.validation import ValidationSample

T = TypeVar("T")
TEXT_TOKENS = 1024
"""Captions are padded or cut to this length."""


@dataclass(slots=True)
class _Gathered:
    """Sizes found or assumed, with the assumptions as sentences."""

    video: int = 0
    audio: int = 0
    text: int = TEXT_TOKENS
    clip: ClipSize | None = None
    samples: int = 0
    assumed: list[str] = field(default_factory=list)


def memory_job(config: LtxTrainerConfig) -> JobShape:
    """Everything the estimate needs. What cannot be read is assumed and said so; nothing is raised."""
    return job_of(Facts(config))


def published_job(config: LtxTrainerConfig) -> JobShape:
    """The same as if no file of the run were on this machine: published shapes, clips as large as the samples."""
    nowhere = Path(os.devnull) / "nothing"
    model = config.model.model_copy(update={"model_path": nowhere, "text_encoder_path": nowhere})
    data = config.data.model_copy(update={"preprocessed_data_root": nowhere})
    return memory_job(config.model_copy(update={"model": model, "data": data}))


def job_of(facts: Facts) -> JobShape:
    """The same from what is known already."""
    config, found = facts.config, _Gathered()
    model = run_model(facts, found.assumed)
    _tokens(facts, found)
    acceleration = config.acceleration
    job = JobShape(
        model=model,
        run=_run(facts, found),
        clip=found.clip,
        validation=_validation(facts),
        text=_text(facts),
        saving=_saving(config, found),
        workers=config.data.num_dataloader_workers,
        auto_swap=acceleration.blocks_to_swap == "auto",
        auto_recompute=acceleration.blocks_to_recompute == "auto",
    )
    if model.vae == "2.5" and job.validation is not None and job.validation.clip is not None:
        found.assumed.append(
            "the 2.5 diffusion decoder's memory is unmeasured: it was worked out at one size and taken in proportion"
        )
    return replace(job, assumed=tuple(found.assumed))


def _text(facts: Facts) -> TextShape:
    validation, acceleration = facts.config.validation, facts.config.acceleration
    samples = {sample.prompt for sample in validation.samples} if facts.validates else set()
    return TextShape(
        in_8bit=acceleration.load_text_encoder_in_8bit,
        streamed=acceleration.stream_text_encoder,
        encodes_prompts=facts.encodes_prompts,
        # The negative prompt, or the empty caption.
        prompts=len(samples) + 1,
    )


def _saving(config: LtxTrainerConfig, found: _Gathered) -> SavingShape:
    checkpoints, steps = config.checkpoints, config.optimization.steps
    return SavingShape(
        saves=1 if checkpoints.interval is None else math.ceil(steps / checkpoints.interval),
        keep=checkpoints.keep_last_n,
        state=checkpoints.save_training_state,
        fp32=checkpoints.precision == "float32",
        captions=found.samples,
    )


def _run(facts: Facts, found: _Gathered) -> RunShape:
    config = facts.config
    strategy, optimization, lora = config.training_strategy, config.optimization, config.lora
    run = RunShape(
        video_tokens=found.video,
        audio_tokens=found.audio,
        text_tokens=found.text,
        batch=optimization.batch_size,
        generates_video=strategy.video is not None and strategy.video.is_generated,
        generates_audio=strategy.audio is not None and strategy.audio.is_generated,
        full=config.model.training_mode == "full",
        half=config.acceleration.mixed_precision_mode in ("bf16", "fp16"),
        optimizer=optimization.optimizer_type,
        accumulation=optimization.gradient_accumulation_steps,
        checkpointing=optimization.enable_gradient_checkpointing,
        quantization=config.acceleration.quantization,
        swapped=_count(config.acceleration.blocks_to_swap, 0),
        recomputed=_count(config.acceleration.blocks_to_recompute, None),
        mixed=tuple(name for name in MODALITIES if _is_mixed(getattr(strategy, name))),
    )
    if lora is None:
        return run
    return replace(
        run,
        rank=lora.rank,
        dropout=lora.dropout,
        targets=tuple(lora.target_modules),
        averaged=lora.ema_decay is not None,
    )


def _count(given: int | str, otherwise: T) -> int | T:
    """A number of blocks; ``otherwise`` where a word stands for it."""
    return given if isinstance(given, int) else otherwise


def _is_mixed(modality: ModalityConfig | None) -> bool:
    """Whether tokens of one sample may have different noise levels: with conditions; references are always clean."""
    if modality is None:
        return False
    return any(modality.is_generated or isinstance(condition, ReferenceCondition) for condition in modality.conditions)


def _tokens(facts: Facts, found: _Gathered) -> None:
    """Tokens of the largest sample: from the prepared data, else from the validation settings."""
    for opened in facts.opened:
        found.samples += 1
        video, audio = _sample_tokens(facts, opened, found)
        # The worst sample is the one with the most tokens of the wide half.
        found.video, found.audio = max((found.video, found.audio), (video, audio))
    if facts.opened and (found.video or not facts.video) and (found.audio or not facts.audio):
        return
    _assume_tokens(facts, found)


def _sample_tokens(facts: Facts, opened: Opened, found: _Gathered) -> tuple[int, int]:
    video = audio = 0
    for source in facts.sources:
        shape = opened.shape(source.role)
        if isinstance(shape, VideoShape) and source.kind == "video":
            video += shape.tokens
            size = ClipSize(
                shape.width * facts.scale.spatial,
                shape.height * facts.scale.spatial,
                (shape.frames - 1) * facts.scale.temporal + 1,
            )
            if found.clip is None or size.pixels * size.frames > found.clip.pixels * found.clip.frames:
                found.clip = size
        elif isinstance(shape, AudioShape) and source.kind == "audio":
            audio += shape.steps
        elif isinstance(shape, CaptionShape):
            found.text = shape.tokens
    return video, audio


def _assume_tokens(facts: Facts, found: _Gathered) -> None:
    validation, strategy = facts.config.validation, facts.config.training_strategy
    width, height, frames = validation.video_dims
    found.assumed.append(
        f"no prepared data was found at {facts.root}: "
        f"clips are taken to be as large as the validation samples, {width}x{height}x{frames}"
    )
    found.video = found.audio = 0
    if strategy.video is not None:
        references = sum(isinstance(condition, ReferenceCondition) for condition in strategy.video.conditions)
        tokens = video_tokens(width, height, frames, facts.scale.spatial, facts.scale.temporal)
        found.video = tokens * (1 + references)
        found.clip = ClipSize(width, height, frames)
        if references:
            found.assumed.append("references are taken to be as large as the clips")
    if strategy.audio is not None:
        references = sum(isinstance(condition, ReferenceCondition) for condition in strategy.audio.conditions)
        found.audio = round(frames / validation.frame_rate * AUDIO_RATE) * (1 + references)


def _validation(facts: Facts) -> ValidationShape | None:
    """The largest sample of the validation."""
    if not facts.validates:
        return None
    validation = facts.config.validation
    sizes = [sample.video_dims or validation.video_dims for sample in validation.samples]
    width, height, frames = max(sizes, key=math.prod)
    given = [condition for sample in validation.samples for condition in sample.conditions]
    kinds = {condition.type for condition in given}
    video = validation.generate_video and facts.video
    audio = validation.generate_audio and facts.audio
    # What is given in full is not made, but its tokens are there.
    seen = facts.video and (video or "video_to_audio" in kinds)
    heard = facts.audio and (audio or "audio_to_video" in kinds)
    tokens = video_tokens(width, height, frames, facts.scale.spatial, facts.scale.temporal) if seen else 0
    sound = round(frames / validation.frame_rate * AUDIO_RATE) if heard else 0
    shown, said = zip(*map(_references, validation.samples), strict=True)
    return ValidationShape(
        clip=ClipSize(width, height, frames) if video else None,
        video_tokens=round(tokens * (1 + max(shown))),
        audio_tokens=round(sound * (1 + max(said))),
        offload_optimizer=facts.config.acceleration.offload_optimizer_during_validation,
        conditions=bool(given),
    )


def _references(sample: ValidationSample) -> tuple[float, float]:
    """Tokens of a sample's references, video and sound, in shares of its own; they are taken to be as long as it."""
    found = [condition for condition in sample.conditions if isinstance(condition, ReferenceSample)]
    shown = sum(1 / (one.downscale_factor**2 * one.temporal_scale_factor) for one in found if one.video is not None)
    return shown, sum(one.audio is not None for one in found)
