"""Files named by validation samples: there, readable, and long enough for what is asked of them.

The trainer asks the same rules before it loads anything.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Final

from schemas.errors import EXIT_DATA, WizardError
from schemas.validation_conditions import (
    PrefixSample,
    ReferenceSample,
    SpatialCropSample,
    SuffixSample,
    ValidationCondition,
    targets,
)
from trainer.files.checkpoint import VaeScale
from trainer.files.media import MediaInfo, probe
from trainer.preflight.facts import Facts, missing
from trainer.preflight.problem import Problem, error, from_error, warning
from trainer.preflight.rules_validation import Planned, planned

_TENSOR_SUFFIXES: Final = frozenset({".pt", ".pth"})
_WHOLE_CLIP: Final = frozenset({"spatial_crop", "mask", "video_to_audio"})
"""Conditions that need every frame of the sample from their clip."""
_LENGTH, _KIND, _RATE = "validation-media-length", "validation-media-kind", "validation-media-rate"
_SLACK: Final = 0.1
"""Seconds by which a sound may be shorter than what is asked of it."""
_SAME_RATE: Final = 0.005
"""Frame rates that differ by less are the same."""


def media(facts: Facts) -> Iterator[Problem]:
    """Every referenced file exists and can be read as what it is used for."""
    validation = facts.config.validation
    for found in media_problems(planned(validation), float(validation.frame_rate), facts.scale):
        softened = found.severity == "error" and not facts.validates
        # While no samples are made a missing file stops nothing.
        yield warning(found.code, found.path, found.message, found.hint) if softened else found


def media_problems(samples: Iterable[Planned], fps: float, scale: VaeScale) -> Iterator[Problem]:
    """What is wrong with the files of these samples, which play at ``fps`` frames per second."""
    known: dict[Path, MediaInfo | WizardError] = {}
    for plan in samples:
        for index, condition in enumerate(plan.sample.conditions):
            for name, file in _files(condition):
                path = f"{plan.path}.conditions[{index}].{name}"
                found = missing(file, path)
                if found is not None:
                    yield replace(found, code="validation-media-missing", exit_code=EXIT_DATA)
                elif file.suffix.lower() in _TENSOR_SUFFIXES:
                    yield from _tensor(condition, name, path)
                else:
                    yield from _readable(plan, condition, name, path, _probe(file, known), fps, scale)


def _files(condition: ValidationCondition) -> Iterator[tuple[str, Path]]:
    for name in ("image_or_video", "video", "audio", "mask"):
        value = getattr(condition, name, None)
        if value is not None:
            yield name, Path(value)


def _probe(path: Path, known: dict[Path, MediaInfo | WizardError]) -> MediaInfo | WizardError:
    if path not in known:
        try:
            known[path] = probe(path)
        except WizardError as found:
            known[path] = found
    return known[path]


def _tensor(condition: ValidationCondition, name: str, path: str) -> Iterator[Problem]:
    if name != "mask" or targets(condition) == "video":
        yield error(_KIND, path, "this file holds a tensor, a picture or sound is needed", exit_code=3)


def _readable(
    plan: Planned,
    condition: ValidationCondition,
    name: str,
    path: str,
    found: MediaInfo | WizardError,
    fps: float,
    scale: VaeScale,
) -> Iterator[Problem]:
    if isinstance(found, WizardError):
        yield from_error(found, "validation-media-unreadable", path)
    elif name == "audio" or (name == "mask" and targets(condition) == "audio"):
        yield from _sound(plan, condition, name, path, found, fps)
    elif found.kind == "audio":
        yield error(_KIND, path, "this file holds sound only, a picture is needed", exit_code=3)
    elif name == "mask":
        if found.kind == "video":
            yield from _enough(path, found.frames, plan.frames)
    elif name == "video":
        yield from _picture(plan, condition, path, found, scale)
        if found.kind == "video" and abs(found.fps - fps) > _SAME_RATE * fps:
            message = f"this clip has {found.fps:g} frames a second, the sample {fps:g}: it plays at another speed"
            yield warning(_RATE, path, message, "convert the clip, or set validation.frame_rate")


def _sound(
    plan: Planned, condition: ValidationCondition, name: str, path: str, found: MediaInfo, fps: float
) -> Iterator[Problem]:
    length = plan.frames / fps
    if not found.has_audio:
        yield error(_KIND, path, "this file holds no sound", exit_code=3)
    elif isinstance(condition, PrefixSample | SuffixSample):
        given = condition.duration or found.duration
        if given >= length:
            yield error(
                _LENGTH,
                path,
                f"it gives {given:.2f} s of a sample of {length:.2f} s: nothing is left to generate",
                f"set duration below {length:.2f}",
            )
        elif given > found.duration + _SLACK:
            yield _short_sound(path, found, given)
    elif name == "audio" and condition.type == "mask" and length > found.duration + _SLACK:
        yield _short_sound(path, found, length)


def _short_sound(path: str, found: MediaInfo, wanted: float) -> Problem:
    message = f"this sound lasts {found.duration:.2f} s, {wanted:.2f} s are needed"
    return error(_LENGTH, path, message, "use a longer sound or ask for less", exit_code=3)


def _picture(
    plan: Planned, condition: ValidationCondition, path: str, found: MediaInfo, scale: VaeScale
) -> Iterator[Problem]:
    if isinstance(condition, PrefixSample | SuffixSample):
        yield from _clip(plan, condition, path, found, scale.temporal)
    elif isinstance(condition, ReferenceSample):
        if found.frames < plan.frames:
            message = f"this reference has {found.frames} frames, the sample {plan.frames}: what it lacks is not guided"
            yield warning(_LENGTH, path, message, "references are trained on as long as their clips")
    elif condition.type in _WHOLE_CLIP:
        yield from _enough(path, found.frames, plan.frames)
    if isinstance(condition, SpatialCropSample):
        _, _, bottom, right = condition.spatial_region
        if bottom > plan.height or right > plan.width:
            message = f"the region reaches beyond a {plan.width} x {plan.height} sample and is cut there"
            region = path.removesuffix("video") + "spatial_region"
            yield warning("validation-condition", region, message, "it is y1, x1, y2, x2 in pixels of the sample")


def _clip(
    plan: Planned, condition: PrefixSample | SuffixSample, path: str, found: MediaInfo, temporal: int
) -> Iterator[Problem]:
    """A suffix needs one frame before it: the encoder joins frames after a first one that stands alone."""
    before = 1 if isinstance(condition, SuffixSample) else 0
    if condition.num_frames is not None:
        yield from _enough(path, found.frames, condition.num_frames + before)
    elif found.frames >= plan.frames + before:
        yield error(
            _LENGTH,
            path,
            f"all {found.frames} frames of it fill the sample of {plan.frames}: nothing is left to generate",
            "set num_frames",
        )
    elif before:
        yield from _enough(path, found.frames, temporal + before)


def _enough(path: str, frames: int, wanted: int) -> Iterator[Problem]:
    if frames < wanted:
        yield error(
            _LENGTH,
            path,
            f"this clip has {frames} frames, {wanted} are needed",
            "use a longer clip or ask for fewer frames",
            exit_code=3,
        )
