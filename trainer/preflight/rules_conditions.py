"""Training conditions against the clips, sample by sample: something must be left to learn."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from schemas.conditions import MaskCondition, ReferenceCondition, SpatialCropCondition, TrainingCondition
from schemas.errors import EXIT_DATA, WizardError
from trainer.files.dataset import condition_role
from trainer.files.given import Grid, given_cells, grid_of, read_mask
from trainer.files.samples import AudioShape, MaskShape, VideoShape
from trainer.preflight.facts import Facts, Opened, sound
from trainer.preflight.problem import Problem, error, info, warning
from trainer.preflight.rules_dataset import some

if TYPE_CHECKING:
    import numpy as np

    from schemas.strategy import ModalityConfig

_NO_LOSS: Final = "nothing is left to learn from such a sample"


def conditions(facts: Facts) -> Iterator[Problem]:
    """Every condition, on its own and together with the others of its modality."""
    strategy = facts.config.training_strategy
    for name, modality in (("video", strategy.video), ("audio", strategy.audio)):
        if modality is None:
            continue
        for index, condition in enumerate(modality.conditions):
            yield from _applied(f"training_strategy.{condition_role(name, index)}", name, modality, condition)
        if modality.is_generated:
            yield from _coverage(facts, name, modality.conditions)


def _applied(path: str, name: str, modality: ModalityConfig, condition: TrainingCondition) -> Iterator[Problem]:
    """Conditions that are never applied, or change nothing."""
    if condition.probability == 0:
        yield info("condition-never", path, "its probability is 0: it is never applied", "raise it or delete it")
    if not modality.is_generated and not isinstance(condition, ReferenceCondition):
        yield warning(
            "condition-ignored",
            path,
            f"{name} is given whole, so {condition.type} changes nothing",
            "delete the condition, or set is_generated to true",
        )


@dataclass
class _Found:
    """Names of samples by what is wrong with them."""

    whole: dict[int, list[str]] = field(default_factory=dict)
    """Given whole by one condition, by its index."""
    together: list[str] = field(default_factory=list)
    """Given whole by several together."""
    empty: dict[int, list[str]] = field(default_factory=dict)
    """Given nothing by one condition."""
    damaged: dict[int, list[str]] = field(default_factory=dict)
    """Masks of a condition that cannot be read, and why."""


def _coverage(facts: Facts, name: str, all_conditions: Sequence[TrainingCondition]) -> Iterator[Problem]:
    index = sound(facts.index)
    if index is None:
        return
    files = {sample.name: sample.files for sample in index.samples}
    found = _Found()
    chosen = {
        place: condition
        for place, condition in enumerate(all_conditions)
        if not isinstance(condition, ReferenceCondition)
    }
    for sample in facts.opened:
        _look(found, name, chosen, sample, files[sample.name], facts.scale.spatial)
    yield from _problems(found, name, all_conditions, facts)


def _look(
    found: _Found,
    name: str,
    chosen: Mapping[int, TrainingCondition],
    sample: Opened,
    files: Mapping[str, Path],
    spatial: int,
) -> None:
    """Note what the conditions give of one sample."""
    shape = sample.shape(name)
    if not isinstance(shape, VideoShape | AudioShape):
        return
    grid = grid_of(shape)
    told = f"{sample.name} ({grid[0]} {'latent frames' if isinstance(shape, VideoShape) else 'steps'})"
    given: list[np.ndarray[Any, Any]] = []
    whole = False
    for place, condition in chosen.items():
        role = condition_role(name, place)
        if isinstance(condition, MaskCondition) and not _fits(sample, role, grid):
            continue
        try:
            cells = given_cells(condition, grid, spatial, partial(read_mask, files.get(role, Path()), grid))
        except WizardError as fault:
            found.damaged.setdefault(place, []).append(f"{sample.name} ({fault.message})")
            continue
        given.append(cells)
        if cells.all():
            whole = True
            found.whole.setdefault(place, []).append(told)
        elif condition.probability and not cells.any():
            found.empty.setdefault(place, []).append(sample.name)
    if given and not whole and sum(given[1:], given[0]).all():
        found.together.append(told)


def _fits(sample: Opened, role: str, grid: Grid) -> bool:
    """Whether a mask can be looked at; the dataset's rules say when it cannot."""
    mask = sample.shape(role)
    return isinstance(mask, MaskShape) and mask.shape == grid


def _problems(found: _Found, name: str, all_conditions: Sequence[TrainingCondition], facts: Facts) -> Iterator[Problem]:
    for place, names in found.damaged.items():
        yield error(
            "data-unreadable",
            f"training_strategy.{condition_role(name, place)}",
            f"{len(names)} masks cannot be used: {some(names)}",
            "delete them and run prepare again",
            exit_code=EXIT_DATA,
        )
    for place, names in found.whole.items():
        yield error(
            "condition-covers-clip",
            f"training_strategy.{condition_role(name, place)}",
            f"{all_conditions[place].type} gives the whole clip in {len(names)} of {len(facts.opened)} samples; "
            f"{_NO_LOSS}: {some(names)}",
            _hint(all_conditions[place]),
            exit_code=EXIT_DATA,
        )
    if found.together:
        yield error(
            "conditions-cover-clip",
            f"training_strategy.{name}.conditions",
            f"drawn together, the conditions give {len(found.together)} of {len(facts.opened)} samples whole; "
            f"{_NO_LOSS}: {some(found.together)}",
            "shorten one of them, or leave these clips out",
            exit_code=EXIT_DATA,
        )
    for place, names in found.empty.items():
        yield from _empty(f"training_strategy.{condition_role(name, place)}", all_conditions[place], names, facts)


def _hint(condition: TrainingCondition) -> str:
    if condition.type == "first_frame":
        return "set skip_stills: true on the condition, or leave these clips out"
    return "shorten the condition, or leave these clips out"


def _empty(path: str, condition: TrainingCondition, names: list[str], facts: Facts) -> Iterator[Problem]:
    if isinstance(condition, SpatialCropCondition):
        # In every sample it is a region that this data does not have; in some, a mixture of sizes may be meant.
        make = error if len(names) == len(facts.opened) else warning
        yield make(
            "condition-empty",
            path,
            f"the region holds no whole latent cell of {len(names)} samples: {some(names)}",
            f"edges are rounded down to multiples of {facts.scale.spatial} pixels",
        )
    elif isinstance(condition, MaskCondition):
        yield warning(
            "mask-empty",
            path,
            f"{len(names)} masks give nothing (no value above 0.5): {some(names)}",
            "1 means given and 0 means generated; prepare the masks again if they are inverted",
        )
