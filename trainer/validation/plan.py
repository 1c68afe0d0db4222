"""What validation will make, worked out and refused before anything is loaded."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from schemas.errors import ConfigError, FieldProblem
from trainer.model.inputs import Modalities
from trainer.validation.guidance import Guidance, from_config

if TYPE_CHECKING:
    from schemas.validation import ValidationConfig
    from trainer.files.checkpoint import VaeScale

AUDIO_LATENTS_PER_SECOND = 25


@dataclass(frozen=True, slots=True)
class SamplePlan:
    """One sample to be made. Sizes in latent steps unless they say otherwise; 0 for a modality that is not made."""

    index: int
    """From 0."""
    prompt: str
    seed: int
    fps: float
    pixel_frames: int
    frames: int
    height: int
    width: int
    audio_steps: int

    @property
    def has_video(self) -> bool:
        return self.frames > 0

    @property
    def has_audio(self) -> bool:
        return self.audio_steps > 0


def made_modalities(config: ValidationConfig, held: Modalities | None = None) -> Modalities | None:
    """What the samples consist of; None when there are none.

    ``held`` are the halves of the model that the run has: the other one is left out, because loading it for samples
    alone could need twice the memory. Raises ConfigError when nothing would be left.
    """
    if not config.samples:
        return None
    video = config.generate_video and (held is None or held.video)
    audio = config.generate_audio and (held is None or held.audio)
    if not (video or audio):
        wanted = "video" if config.generate_video else "audio"
        raise ConfigError(
            f"validation is to make {wanted} alone, but this run holds no {wanted} half of the model",
            where=f"validation.generate_{wanted}",
            hint=f"train {wanted} too, or generate what is trained",
        )
    return Modalities(video, audio)


def plan_samples(
    config: ValidationConfig, made: Modalities, scale: VaeScale, block_count: int
) -> tuple[SamplePlan, ...]:
    """Every sample of ``validation``, for a VAE of these factors and a transformer of ``block_count`` blocks.

    Raises ConfigError naming all that cannot be made: sizes the VAE does not have, blocks the model does not have,
    conditions that are not supported.
    """
    problems = [*unsupported(config), *_guidance_problems(config, made, block_count)]
    plans = []
    for index, sample in enumerate(config.samples):
        width, height, frames = sample.video_dims or config.video_dims
        own = sample.video_dims is not None
        field = f"validation.samples[{index}].video_dims" if own else "validation.video_dims"
        problems += [
            problem for problem in _size_problems(field, width, height, frames, scale) if problem not in problems
        ]
        plans.append(
            SamplePlan(
                index=index,
                prompt=sample.prompt,
                # 0 is a seed like any other.
                seed=config.seed if sample.seed is None else sample.seed,
                fps=config.frame_rate,
                pixel_frames=frames,
                frames=(frames - 1) // scale.temporal + 1 if made.video else 0,
                height=height // scale.spatial if made.video else 0,
                width=width // scale.spatial if made.video else 0,
                audio_steps=audio_steps(frames, config.frame_rate) if made.audio else 0,
            )
        )
    if problems:
        raise ConfigError("the validation samples cannot be made", problems=tuple(problems))
    return tuple(plans)


def audio_steps(frames: int, fps: float) -> int:
    """Latent steps of the sound beside ``frames`` video frames, at least one.

    In this order of operations: 153 frames at 30 fps give 127, the other order would give 128.
    """
    return max(1, round((frames / fps) * AUDIO_LATENTS_PER_SECOND))


def unsupported(config: ValidationConfig) -> tuple[FieldProblem, ...]:
    """What the configuration asks for and this version cannot do; torch and model files are not needed."""
    return tuple(
        FieldProblem(
            path=f"validation.samples[{index}].conditions[{place}]",
            message=f"validation with a {condition.type} condition is not supported yet",
            hint="delete the condition; training conditions are not affected",
        )
        for index, sample in enumerate(config.samples)
        for place, condition in enumerate(sample.conditions)
    )


def effective_guidance(config: ValidationConfig, made: Modalities) -> Guidance:
    """The guidance as far as the generated modalities can use it."""
    video, audio = made.video, made.audio
    return from_config(config).reduced(video=video, audio=audio, generates_video=video, generates_audio=audio)


def _guidance_problems(config: ValidationConfig, made: Modalities, block_count: int) -> list[FieldProblem]:
    guidance = effective_guidance(config, made)
    if guidance.stg_blocks is None or "perturbed" not in guidance.passes():
        return []
    beyond = sorted(block for block in guidance.stg_blocks if block >= block_count)
    if not beyond:
        return []
    return [
        FieldProblem(
            path="validation.stg_blocks",
            message=f"the model has blocks 0 to {block_count - 1}, not {', '.join(map(str, beyond))}",
            hint="name blocks it has, or switch STG off: video_stg_scale and audio_stg_scale 0",
        )
    ]


def _size_problems(field: str, width: int, height: int, frames: int, scale: VaeScale) -> list[FieldProblem]:
    problems = []
    if width % scale.spatial or height % scale.spatial:
        near = "x".join(str(max(round(side / scale.spatial), 1) * scale.spatial) for side in (width, height))
        problems.append(
            FieldProblem(
                path=field,
                message=f"{width}x{height} is no size of this model: sides are multiples of {scale.spatial}",
                hint=f"nearest: {near}",
            )
        )
    if (frames - 1) % scale.temporal:
        near = str(max(round((frames - 1) / scale.temporal), 0) * scale.temporal + 1)
        problems.append(
            FieldProblem(
                path=field,
                message=f"{frames} frames are no length of this model: it makes multiples of {scale.temporal}, plus 1",
                hint=f"nearest: {near}",
            )
        )
    return problems
