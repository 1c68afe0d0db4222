"""References among themselves, and those of validation beside those of training."""

from __future__ import annotations

from collections.abc import Iterator

from schemas.errors import WizardError
from schemas.validation_conditions import ReferenceSample
from trainer.files.references import Pair, ReferenceFactors, common_factors, reference_timings
from trainer.files.samples import VideoShape
from trainer.preflight.facts import Facts, sound
from trainer.preflight.problem import Problem, from_error, warning
from trainer.preflight.rules_dataset import reference_fault


def factors(facts: Facts) -> Iterator[Problem]:
    """All references are as many times smaller and sparser as the first one, and validation's are too."""
    pairs = _pairs(facts)
    if not pairs:
        return
    try:
        found = common_factors(pairs)
    except WizardError as fault:
        yield from_error(fault, "reference-factors", "training_strategy.video.conditions")
        return
    yield from _validation(facts, found)


def _pairs(facts: Facts) -> list[Pair]:
    """Targets and references that fit on their own; the dataset's rules report the others."""
    index = sound(facts.index)
    if index is None:
        return []
    files = {sample.name: sample.files for sample in index.samples}
    pairs = []
    for role, timing in reference_timings(facts.config.training_strategy).items():
        for sample in facts.opened:
            target, reference = sample.shape("video"), sample.shape(role)
            if not isinstance(target, VideoShape) or not isinstance(reference, VideoShape):
                continue
            if not reference_fault(target, reference, timing):
                pairs.append(Pair(files[sample.name][role], target, reference, timing))
    return pairs


def _validation(facts: Facts, found: ReferenceFactors) -> Iterator[Problem]:
    for number, sample in enumerate(facts.config.validation.samples if facts.validates else []):
        for index, condition in enumerate(sample.conditions):
            if not isinstance(condition, ReferenceSample) or condition.video is None:
                continue
            own = ReferenceFactors(condition.downscale_factor, condition.temporal_scale_factor)
            if own != found:
                yield warning(
                    "reference-unlike-training",
                    f"validation.samples[{number}].conditions[{index}]",
                    f"this reference is {own}, those of training are {found}",
                    f"set downscale_factor: {found.spatial} and temporal_scale_factor: {found.temporal}",
                )
