"""Validation samples: sizes on the latent grid, conditions that fit them, and modalities that are in memory."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from presets.geometry import fits_grid
from schemas.errors import EXIT_DATA
from schemas.validation import ValidationConfig, ValidationSample
from schemas.validation_conditions import (
    PrefixSample,
    ReferenceSample,
    SpatialCropSample,
    SuffixSample,
    ValidationCondition,
    targets,
)
from trainer.files.checkpoint import Checkpoint, VaeScale
from trainer.files.given import rectangle
from trainer.preflight.facts import Facts
from trainer.preflight.problem import Problem, error, info, warning

_VAE_PARTS: Final = {
    "video encoder": (("vae.encoder.", "encoder."), "model.video_vae_path"),
    "video decoder": (("vae.decoder.", "decoder."), "model.video_vae_path"),
    "audio encoder": (("audio_vae.encoder.",), "model.audio_vae_path"),
    "audio decoder": (("audio_vae.decoder.",), "model.audio_vae_path"),
    "vocoder": (("vocoder.",), "model.audio_vae_path"),
}


@dataclass(frozen=True, slots=True)
class Planned:
    """One sample with its size: pixels and frames."""

    path: str
    sample: ValidationSample
    width: int
    height: int
    frames: int


def planned(validation: ValidationConfig) -> tuple[Planned, ...]:
    """The samples of the configuration with their own or the common size."""
    return tuple(
        Planned(f"validation.samples[{index}]", sample, *(sample.video_dims or validation.video_dims))
        for index, sample in enumerate(validation.samples)
    )


def schedule(facts: Facts) -> Iterator[Problem]:
    """Samples and an interval belong together."""
    validation, steps = facts.config.validation, facts.config.optimization.steps
    if validation.samples and validation.interval is None:
        yield info("validation-off", "validation.interval", "it is null: the samples are never made")
    if validation.interval is not None and not validation.samples:
        yield info("validation-no-samples", "validation.samples", "there are none: nothing is made during training")
    if facts.validates and validation.interval is not None and validation.interval > steps:
        yield warning(
            "validation-interval",
            "validation.interval",
            f"{validation.interval} is more than the {steps} steps of the run",
            "lower it to see the training's effect",
        )


def modalities(facts: Facts) -> Iterator[Problem]:
    """What samples generate must be trained on: the other branch is not loaded, and something must remain."""
    if not facts.validates:
        return
    validation = facts.config.validation
    video, audio = validation.generate_video, validation.generate_audio
    make = warning if (video and facts.video) or (audio and facts.audio) else error
    for name, wanted, loaded in (("video", video, facts.video), ("audio", audio, facts.audio)):
        if wanted and not loaded:
            yield make(
                "validation-modality",
                f"validation.generate_{name}",
                f"samples are made without {name}: this run trains without it and does not load its branch",
                f"set validation.generate_{name} to false",
            )
    for plan in planned(validation):
        for index, condition in enumerate(plan.sample.conditions):
            message = unused_condition(validation, condition, video=facts.video, audio=facts.audio)
            if message:
                yield error(
                    "validation-modality",
                    f"{plan.path}.conditions[{index}]",
                    message,
                    "delete the condition",
                    exit_code=EXIT_DATA,
                )


def unused_condition(validation: ValidationConfig, condition: ValidationCondition, *, video: bool, audio: bool) -> str:
    """Why a condition would act on nothing: the run loads no such branch, or samples are made without it; or empty.

    ``video`` and ``audio`` say which branches the run loads.
    """
    name = targets(condition)
    if not (video if name == "video" else audio):
        return f"{condition.type} is about {name}, which this run does not load"
    wanted = validation.generate_video if name == "video" else validation.generate_audio
    if not wanted and condition.type not in ("video_to_audio", "audio_to_video"):
        return f"{condition.type} is about {name}, and validation.generate_{name} is false"
    return ""


def parts(facts: Facts) -> Iterator[Problem]:
    """Encoders and decoders that the samples need are in the files."""
    if not facts.validates or facts.files is None:
        return
    video, audio = facts.part(facts.files.video_vae_file), facts.part(facts.files.audio_vae_file)
    for part in _needed(facts):
        prefixes, field = _VAE_PARTS[part]
        checkpoint: Checkpoint | None = video if part.startswith("video") else audio
        if checkpoint is None or not checkpoint.has(*prefixes):
            where = facts.files.transformer if checkpoint is None else checkpoint.path
            yield error(
                "validation-part-missing",
                field,
                f"validation needs the {part}, which {where} does not hold",
                f"set {field} to the file of the same release, or generate less",
                exit_code=EXIT_DATA,
            )


def _needed(facts: Facts) -> list[str]:
    validation = facts.config.validation
    given = {targets(condition) for sample in validation.samples for condition in sample.conditions}
    needed = []
    if "video" in given and facts.video:
        needed.append("video encoder")
    kinds = {condition.type for sample in validation.samples for condition in sample.conditions}
    if (validation.generate_video or "video_to_audio" in kinds) and facts.video:
        needed.append("video decoder")
    if "audio" in given and facts.audio:
        needed.append("audio encoder")
    if (validation.generate_audio or "audio_to_video" in kinds) and facts.audio:
        needed += ["audio decoder", "vocoder"]
    return needed


def geometry(facts: Facts) -> Iterator[Problem]:
    """Sizes fit the VAE's grid, and so do the lengths of what is given."""
    if not facts.config.validation.samples:
        return
    make = error if facts.validates else warning
    told: set[str] = set()
    for plan in planned(facts.config.validation):
        path = f"{plan.path}.video_dims" if plan.sample.video_dims else "validation.video_dims"
        wrong = fits_grid(plan.width, plan.height, plan.frames, facts.scale.spatial, facts.scale.temporal)
        if wrong and path not in told:
            told.add(path)
            yield make("validation-size", path, "; ".join(wrong), _nearest(plan, facts.scale))
        for index, condition in enumerate(plan.sample.conditions):
            for message, hint in condition_faults(plan, condition, facts.scale):
                yield make("validation-condition", f"{plan.path}.conditions[{index}]", message, hint)


def _nearest(plan: Planned, scale: VaeScale) -> str:
    width, height = (max(1, round(side / scale.spatial)) * scale.spatial for side in (plan.width, plan.height))
    frames = max(0, round((plan.frames - 1) / scale.temporal)) * scale.temporal + 1
    return f"near it: [{width}, {height}, {frames}]"


def condition_faults(plan: Planned, condition: ValidationCondition, scale: VaeScale) -> Iterator[tuple[str, str]]:
    """(message, hint) for everything about one condition that does not fit its sample."""
    if isinstance(condition, PrefixSample | SuffixSample) and condition.num_frames is not None:
        yield from _clip_length(plan, condition, condition.num_frames, scale.temporal)
    elif isinstance(condition, ReferenceSample) and condition.video is not None:
        yield from _reference(plan, condition, scale)
    elif isinstance(condition, SpatialCropSample):
        grid = (1, plan.height // scale.spatial, plan.width // scale.spatial)
        _, rows, columns = rectangle(grid, condition.spatial_region, scale.spatial)
        given = (rows.stop - rows.start) * (columns.stop - columns.start)
        if given == 0:
            yield f"the region holds no whole latent cell of a {plan.width} x {plan.height} sample", "enlarge it"
        elif given == grid[1] * grid[2]:
            yield "the region is the whole sample: nothing is left to generate", "make it smaller"


def _clip_length(
    plan: Planned, condition: PrefixSample | SuffixSample, frames: int, temporal: int
) -> Iterator[tuple[str, str]]:
    rest = 1 if isinstance(condition, PrefixSample) else 0
    if (frames - rest) % temporal:
        low = max(rest + (0 if rest else temporal), frames - (frames - rest) % temporal)
        shape = f"{temporal}k+1" if rest else f"{temporal}k"
        yield f"{frames} frames is not {shape}", f"{low} or {low + temporal} frames"
    if frames >= plan.frames:
        yield f"it gives {frames} frames of a sample of {plan.frames}: nothing is left to generate", "give fewer"


def _reference(plan: Planned, condition: ReferenceSample, scale: VaeScale) -> Iterator[tuple[str, str]]:
    factor, every = condition.downscale_factor, condition.temporal_scale_factor
    if plan.width % (factor * scale.spatial) or plan.height % (factor * scale.spatial):
        yield (
            f"a {plan.width} x {plan.height} sample has no reference {factor} times smaller on the latent grid",
            f"sides must be multiples of {factor * scale.spatial}",
        )
    if (plan.frames - 1) % every or ((plan.frames - 1) // every) % scale.temporal:
        yield (
            f"a sample of {plan.frames} frames has no reference with {every} times fewer",
            f"frames must be {every * scale.temporal}k+1",
        )
