"""Training conditions against the clips, sample by sample: something must be left to learn."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from schemas.conditions import (
    FirstFrameCondition,
    MaskCondition,
    PrefixCondition,
    ReferenceCondition,
    SpatialCropCondition,
    SuffixCondition,
    TrainingCondition,
)
from schemas.errors import EXIT_DATA, WizardError
from schemas.strategy import ModalityConfig
from trainer.files.pt import read_tensor
from trainer.files.samples import AudioShape, MaskShape, Shape, VideoShape
from trainer.preflight.facts import Facts, sound
from trainer.preflight.problem import Problem, Severity, from_error, info, warning
from trainer.preflight.rules_dataset import some

_MOST_MASKS: Final = 200
"""Masks are read whole, so of a large dataset only so many are."""
_NO_LOSS: Final = "nothing is left to learn from such a sample"


def conditions(facts: Facts) -> Iterator[Problem]:
    """Every condition, on its own and together with the others of its modality."""
    strategy = facts.config.training_strategy
    for name, modality in (("video", strategy.video), ("audio", strategy.audio)):
        if modality is None:
            continue
        place = f"training_strategy.{name}.conditions"
        for index, condition in enumerate(modality.conditions):
            yield from _condition(facts, name, modality, f"{place}[{index}]", condition)
        yield from _together(facts, name, modality, place)


def _condition(
    facts: Facts, name: str, modality: ModalityConfig, path: str, condition: TrainingCondition
) -> Iterator[Problem]:
    if condition.probability == 0:
        yield info("condition-never", path, "its probability is 0: it is never applied", "raise it or delete it")
    if isinstance(condition, ReferenceCondition):
        return
    if not modality.is_generated:
        yield warning(
            "condition-ignored",
            path,
            f"{name} is given whole, so {condition.type} changes nothing",
            "delete the condition, or set is_generated to true",
        )
        return
    covered: list[str] = []
    empty: list[str] = []
    for sample in facts.opened:
        shape = sample.shape(name)
        if shape is None:
            continue
        given, whole = _given(condition, shape, facts.scale.spatial)
        if given >= whole:
            covered.append(f"{sample.name} ({_length(shape)})")
        elif given == 0 and isinstance(condition, SpatialCropCondition):
            empty.append(sample.name)
    if covered:
        yield _covers(path, condition.type, condition.probability, covered, len(facts.opened))
    if empty:
        yield warning(
            "condition-empty",
            path,
            f"the region holds no whole latent cell of {len(empty)} samples: {some(empty)}",
            f"edges are rounded down to multiples of {facts.scale.spatial} pixels",
        )


def _covers(path: str, kind: str, probability: float, covered: list[str], total: int) -> Problem:
    """An error when these samples can never be learnt from; a warning when they are only wasted now and then."""
    severity: Severity = "error" if probability == 1 or len(covered) == total else "warning"
    return Problem(
        "condition-covers-clip",
        severity,
        path,
        f"{kind} gives the whole clip in {len(covered)} of {total} samples; {_NO_LOSS}: {some(covered)}",
        "shorten the condition, or leave these clips out",
        EXIT_DATA,
    )


def _length(shape: Shape) -> str:
    if isinstance(shape, VideoShape):
        return f"{shape.frames} latent frames"
    return f"{shape.steps} steps" if isinstance(shape, AudioShape) else ""


def _given(condition: TrainingCondition, shape: Shape, spatial: int) -> tuple[int, int]:
    """(given, whole) in latent frames or steps; for a region in latent cells."""
    if isinstance(condition, SpatialCropCondition):
        return _region(condition, shape, spatial)
    whole = shape.frames if isinstance(shape, VideoShape) else shape.steps if isinstance(shape, AudioShape) else 1
    if isinstance(condition, PrefixCondition | SuffixCondition):
        return condition.temporal_boundary, whole
    return (1, whole) if isinstance(condition, FirstFrameCondition) else (0, whole)


def _region(condition: SpatialCropCondition, shape: Shape, spatial: int) -> tuple[int, int]:
    """Latent cells inside the region and in all: coordinates are floored to cells, then clamped to the grid."""
    if not isinstance(shape, VideoShape):
        return 0, 1
    top, left, bottom, right = (value // spatial for value in condition.spatial_region)
    rows = min(bottom, shape.height) - min(top, shape.height)
    columns = min(right, shape.width) - min(left, shape.width)
    return max(0, rows) * max(0, columns), shape.height * shape.width


def _together(facts: Facts, name: str, modality: ModalityConfig, place: str) -> Iterator[Problem]:
    """Prefix and suffix that meet in the middle, each being short enough alone."""
    if not modality.is_generated:
        return
    starts = [c.temporal_boundary for c in modality.conditions if isinstance(c, PrefixCondition)]
    starts += [1 for c in modality.conditions if isinstance(c, FirstFrameCondition)]
    ends = [c.temporal_boundary for c in modality.conditions if isinstance(c, SuffixCondition)]
    if not starts or not ends:
        return
    start, end = max(starts), max(ends)
    met = []
    for sample in facts.opened:
        shape = sample.shape(name)
        whole = shape.frames if isinstance(shape, VideoShape) else shape.steps if isinstance(shape, AudioShape) else 0
        if max(start, end) < whole <= start + end:
            met.append(f"{sample.name} ({whole})")
    if met:
        yield warning(
            "conditions-cover-clip",
            place,
            f"when prefix ({start}) and suffix ({end}) are both drawn they give {len(met)} samples whole; "
            f"{_NO_LOSS}: {some(met)}",
            "shorten one of them",
        )


def masks(facts: Facts) -> Iterator[Problem]:
    """Masks leave something to generate and give something."""
    strategy = facts.config.training_strategy
    for name, modality in (("video", strategy.video), ("audio", strategy.audio)):
        for index, condition in enumerate(modality.conditions if modality else []):
            if isinstance(condition, MaskCondition) and modality is not None and modality.is_generated:
                yield from _mask_values(facts, f"{name}.conditions[{index}]", condition.probability)


def _mask_values(facts: Facts, role: str, probability: float) -> Iterator[Problem]:
    index = sound(facts.index)
    if index is None:
        return
    files = {sample.name: sample.files[role] for sample in index.samples}
    path = f"training_strategy.{role}"
    whole: list[str] = []
    nothing: list[str] = []
    for sample in facts.opened[:_MOST_MASKS]:
        shape = sample.shapes[role]
        if not isinstance(shape, MaskShape):
            continue
        try:
            given = read_tensor(files[sample.name], shape.tensor) > 0.5
        except WizardError as fault:
            yield from_error(fault, "data-unreadable", path)
            continue
        if given.all():
            whole.append(sample.name)
        elif not given.any():
            nothing.append(sample.name)
    if whole:
        yield _covers(path, "the mask", probability, whole, len(facts.opened))
    if nothing:
        yield warning(
            "mask-empty",
            path,
            f"{len(nothing)} masks give nothing (no value above 0.5): {some(nothing)}",
            "1 means given and 0 means generated; prepare the masks again if they are inverted",
        )
