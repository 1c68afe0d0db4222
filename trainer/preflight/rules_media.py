"""Files named by validation samples: there, readable, and long enough for what is asked of them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Final

from schemas.errors import WizardError
from schemas.validation_conditions import PrefixSample, SuffixSample, ValidationCondition
from trainer.files.media import MediaInfo, probe
from trainer.preflight.facts import Facts, missing
from trainer.preflight.problem import Problem, error, from_error, warning
from trainer.preflight.rules_validation import Planned, planned

_TENSOR_SUFFIXES: Final = frozenset({".pt", ".pth"})
_WHOLE_CLIP: Final = frozenset({"spatial_crop", "mask", "video_to_audio"})
"""Conditions that need every frame of the sample from their clip."""


def media(facts: Facts) -> Iterator[Problem]:
    """Every referenced file exists and can be read as what it is used for."""
    known: dict[Path, MediaInfo | WizardError] = {}
    for plan in planned(facts):
        for index, condition in enumerate(plan.sample.conditions):
            for name, file in _files(condition):
                path = f"{plan.path}.conditions[{index}].{name}"
                found = missing(file, path)
                if found is not None:
                    yield _softened(facts, replace(found, code="validation-media-missing"))
                elif file.suffix.lower() not in _TENSOR_SUFFIXES:
                    for problem in _readable(facts, plan, condition, name, path, _probe(file, known)):
                        yield _softened(facts, problem)


def _softened(facts: Facts, found: Problem) -> Problem:
    """While no samples are made a missing file stops nothing."""
    if facts.validates or found.severity != "error":
        return found
    return warning(found.code, found.path, found.message, found.hint)


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


def _readable(
    facts: Facts,
    plan: Planned,
    condition: ValidationCondition,
    name: str,
    path: str,
    found: MediaInfo | WizardError,
) -> Iterator[Problem]:
    if isinstance(found, WizardError):
        yield from_error(found, "validation-media-unreadable", path)
    elif name == "audio":
        yield from _sound(facts, plan, condition, path, found)
    elif name in ("video", "image_or_video") and found.kind == "audio":
        yield error("validation-media-kind", path, "this file holds sound only, a picture is needed", exit_code=3)
    elif name == "video":
        yield from _picture(plan, condition, path, found)


def _sound(
    facts: Facts, plan: Planned, condition: ValidationCondition, path: str, found: MediaInfo
) -> Iterator[Problem]:
    if not found.has_audio:
        yield error("validation-media-kind", path, "this file holds no sound", exit_code=3)
    elif isinstance(condition, PrefixSample | SuffixSample):
        length = plan.frames / facts.config.validation.frame_rate
        given = condition.duration or found.duration
        if given >= length:
            yield error(
                "validation-media-length",
                path,
                f"it gives {given:.2f} s of a sample of {length:.2f} s: nothing is left to generate",
                f"set duration below {length:.2f}",
            )


def _picture(plan: Planned, condition: ValidationCondition, path: str, found: MediaInfo) -> Iterator[Problem]:
    if found.kind == "image":
        return
    wanted = 0
    if isinstance(condition, PrefixSample | SuffixSample):
        wanted = condition.num_frames or 0
        if condition.num_frames is None and found.frames >= plan.frames:
            yield error(
                "validation-media-length",
                path,
                f"all {found.frames} frames of it fill the sample of {plan.frames}: nothing is left to generate",
                "set num_frames",
            )
    elif condition.type in _WHOLE_CLIP:
        wanted = plan.frames
    if found.frames < wanted:
        yield error(
            "validation-media-length",
            path,
            f"this clip has {found.frames} frames, {wanted} are needed",
            "use a longer clip or ask for fewer frames",
            exit_code=3,
        )
