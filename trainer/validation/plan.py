"""What validation will make, worked out and refused before anything is loaded."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from schemas.errors import EXIT_DATA, ConfigError, DataError, FieldProblem
from schemas.validation_conditions import ReferenceSample, ValidationCondition, targets
from trainer.data.buckets import Bucket
from trainer.model.inputs import Modalities
from trainer.objective.batch import ModalityName
from trainer.preflight.rules_media import media_problems
from trainer.preflight.rules_validation import condition_faults, planned, unused_condition
from trainer.validation.guidance import Guidance, from_config

if TYPE_CHECKING:
    from schemas.validation import ValidationConfig, ValidationSample
    from trainer.files.checkpoint import VaeScale

AUDIO_LATENTS_PER_SECOND = 25
_FROZEN: Final = {"video": "video_to_audio", "audio": "audio_to_video"}
MODALITIES: Final[tuple[ModalityName, ModalityName]] = ("video", "audio")


@dataclass(frozen=True, slots=True)
class SamplePlan:
    """One sample to be made. Sizes in latent steps unless they say otherwise; 0 for a modality that takes no part."""

    index: int
    """From 0."""
    prompt: str
    seed: int
    fps: float
    pixels: Bucket
    """Size of the picture, whether it is made or not: the sound is as long."""
    frames: int
    height: int
    width: int
    audio_steps: int
    """At most: a sound that is given whole has its own length."""
    conditions: tuple[ValidationCondition, ...] = ()

    @property
    def has_video(self) -> bool:
        return self.frames > 0

    @property
    def has_audio(self) -> bool:
        return self.audio_steps > 0

    @property
    def seconds(self) -> float:
        return self.pixels.frames / self.fps

    def present(self, modality: ModalityName) -> bool:
        """Whether a modality takes part, generated or given."""
        return self.has_video if modality == "video" else self.has_audio

    def generates(self, modality: ModalityName) -> bool:
        """Whether a modality is made here and not given whole."""
        return self.present(modality) and not _gives(self.conditions, modality)

    def on(self, modality: ModalityName) -> tuple[ValidationCondition, ...]:
        """Conditions on one modality, in their order."""
        return tuple(condition for condition in self.conditions if targets(condition) == modality)

    def shown_references(self) -> tuple[ReferenceSample, ...]:
        """References to be put beside the video."""
        references = (condition for condition in self.on("video") if isinstance(condition, ReferenceSample))
        return tuple(reference for reference in references if reference.include_in_output)


def _gives(conditions: Iterator[ValidationCondition] | tuple[ValidationCondition, ...], modality: ModalityName) -> bool:
    return any(condition.type == _FROZEN[modality] for condition in conditions)


def _takes_part(config: ValidationConfig, sample: ValidationSample, modality: ModalityName) -> bool:
    wanted = config.generate_video if modality == "video" else config.generate_audio
    return wanted or _gives(tuple(sample.conditions), modality)


def made_modalities(config: ValidationConfig, held: Modalities | None = None) -> Modalities | None:
    """What the samples consist of, generated or given; None when there are none.

    ``held`` are the halves of the model that the run has: the other one is left out, because loading it for samples
    alone could need twice the memory. Raises ConfigError when nothing would be generated.
    """
    if not config.samples:
        return None
    held = held or Modalities()
    if not ((config.generate_video and held.video) or (config.generate_audio and held.audio)):
        wanted = "video" if config.generate_video else "audio"
        raise ConfigError(
            f"validation is to make {wanted} alone, but this run holds no {wanted} half of the model",
            where=f"validation.generate_{wanted}",
            hint=f"train {wanted} too, or generate what is trained",
        )
    part = {name: any(_takes_part(config, sample, name) for sample in config.samples) for name in MODALITIES}
    return Modalities(part["video"] and held.video, part["audio"] and held.audio)


def plan_samples(
    config: ValidationConfig, held: Modalities, scale: VaeScale, block_count: int
) -> tuple[SamplePlan, ...]:
    """Every sample of ``validation``, for a VAE of these factors and a transformer of ``block_count`` blocks.

    ``held`` are the halves of the model that the run has. Raises ConfigError naming all that cannot be made (sizes the
    VAE does not have, blocks the model does not have, conditions that fit no sample) and DataError when files that
    samples are given are unreadable or too short.
    """
    problems = list(_condition_problems(config, held, scale))
    plans = []
    for index, sample in enumerate(config.samples):
        width, height, frames = sample.video_dims or config.video_dims
        own = sample.video_dims is not None
        field = f"validation.samples[{index}].video_dims" if own else "validation.video_dims"
        problems += [
            problem for problem in _size_problems(field, width, height, frames, scale) if problem not in problems
        ]
        video = held.video and _takes_part(config, sample, "video")
        audio = held.audio and _takes_part(config, sample, "audio")
        plans.append(
            SamplePlan(
                index=index,
                prompt=sample.prompt,
                # 0 is a seed like any other.
                seed=config.seed if sample.seed is None else sample.seed,
                fps=config.frame_rate,
                pixels=Bucket(frames, height, width),
                frames=(frames - 1) // scale.temporal + 1 if video else 0,
                height=height // scale.spatial if video else 0,
                width=width // scale.spatial if video else 0,
                audio_steps=audio_steps(frames, config.frame_rate) if audio else 0,
                conditions=tuple(sample.conditions),
            )
        )
    problems += _guidance_problems(config, tuple(plans), block_count)
    problems += [
        FieldProblem(
            f"validation.samples[{plan.index}].conditions",
            "everything this run can make is given: nothing is left to generate",
            "delete the condition that gives a whole modality",
        )
        for plan in plans
        if not any(plan.generates(modality) for modality in MODALITIES)
    ]
    if problems:
        raise ConfigError("the validation samples cannot be made", problems=tuple(problems))
    _demand_media(config, scale)
    return tuple(plans)


def media_warnings(config: ValidationConfig, scale: VaeScale) -> tuple[str, ...]:
    """What a person should know about the given files, though samples can be made with them."""
    found = media_problems(planned(config), float(config.frame_rate), scale)
    return tuple(f"{problem.path}: {problem.message}" for problem in found if problem.severity == "warning")


def _condition_problems(config: ValidationConfig, held: Modalities, scale: VaeScale) -> Iterator[FieldProblem]:
    for plan in planned(config):
        for index, condition in enumerate(plan.sample.conditions):
            path = f"{plan.path}.conditions[{index}]"
            unused = unused_condition(config, condition, video=held.video, audio=held.audio)
            if unused:
                yield FieldProblem(path, unused, "delete the condition")
            for message, hint in condition_faults(plan, condition, scale):
                yield FieldProblem(path, message, hint)


def _demand_media(config: ValidationConfig, scale: VaeScale) -> None:
    found = media_problems(planned(config), float(config.frame_rate), scale)
    problems = [problem for problem in found if problem.severity == "error"]
    if not problems:
        return
    message = "files that validation samples are given cannot be used"
    if min(problem.exit_code for problem in problems) == EXIT_DATA:
        told = "; ".join(f"{problem.path}: {problem.message}" for problem in problems)
        raise DataError(f"{message}: {told}", hint=problems[0].hint)
    fields = tuple(FieldProblem(problem.path, problem.message, problem.hint) for problem in problems)
    raise ConfigError(message, problems=fields)


def audio_steps(frames: int, fps: float) -> int:
    """Latent steps of the sound beside ``frames`` video frames, at least one.

    In this order of operations: 153 frames at 30 fps give 127, the other order would give 128.
    """
    return max(1, round((frames / fps) * AUDIO_LATENTS_PER_SECOND))


def effective_guidance(config: ValidationConfig, plans: tuple[SamplePlan, ...]) -> Guidance:
    """The guidance as far as any of the samples can use it."""
    return from_config(config).reduced(
        video=any(plan.has_video for plan in plans),
        audio=any(plan.has_audio for plan in plans),
        generates_video=any(plan.generates("video") for plan in plans),
        generates_audio=any(plan.generates("audio") for plan in plans),
    )


def _guidance_problems(config: ValidationConfig, plans: tuple[SamplePlan, ...], block_count: int) -> list[FieldProblem]:
    guidance = effective_guidance(config, plans)
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
