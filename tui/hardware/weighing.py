"""What a draft needs of a card, and what each tier would need: worked out away from the screen."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import psutil

from presets.gpus import Driver, find_driver
from presets.memory import GIB, Calibration, Estimate, JobShape, Proposal, Wish, estimate, settled, solve
from presets.memory.calibration import Measurement, apply, load
from schemas import validate
from schemas.errors import WizardError
from schemas.paths import parse_path, set_in
from trainer.preflight.memory import memory_job


@dataclass(frozen=True, slots=True)
class Machine:
    """What the estimate is held against."""

    driver: Driver
    host_bytes: int
    measurements: tuple[Measurement, ...] = ()
    """Of earlier runs."""

    @classmethod
    def here(cls) -> Machine:
        """This one."""
        return cls(find_driver(), psutil.virtual_memory().total, load())

    @property
    def card_bytes(self) -> int | None:
        """Of the smallest card, which is the one that decides."""
        return min((gpu.total for gpu in self.driver.gpus), default=None)

    def calibration(self, job: JobShape) -> Calibration:
        """What earlier runs of this kind on this card say."""
        names = {gpu.name for gpu in self.driver.gpus}
        card = next(iter(names)) if len(names) == 1 else None
        return apply(
            self.measurements,
            card,
            job.model.name,
            f"{'full' if job.run.full else 'lora'}/{job.run.quantization or 'none'}",
        )


@dataclass(frozen=True, slots=True)
class Weight:
    """A valid draft, weighed; ``problem`` says why there is none."""

    estimate: Estimate | None = None
    tiers: Mapping[int, int] = field(default_factory=dict)
    """Tier in GB -> bytes that the draft would need when set up for it."""
    problem: str = ""


def weigh(data: Mapping[str, Any], variants: Mapping[int, Mapping[str, Any]], machine: Machine, card: int) -> Weight:
    """Estimate a draft against a card of ``card`` bytes, and the variants of it for each tier."""
    try:
        found = _estimate(data, machine, card)
    except WizardError as error:
        return Weight(problem=error.message)
    needs = {}
    for size, variant in variants.items():
        try:
            needs[size] = _estimate(variant, machine, size * GIB).peak_bytes
        except WizardError:
            continue
    return Weight(found, needs)


def proposals(data: Mapping[str, Any], machine: Machine, card: int, wish: Wish) -> tuple[Proposal, ...]:
    """Ways to make a valid draft fit. Raises ConfigError for one that is not."""
    job = _job(data)
    return solve(job, card, machine.host_bytes, wish, machine.calibration(job))


def with_values(data: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """A copy of a draft's data with other values at some paths."""
    changed = copy.deepcopy(dict(data))
    for path, value in changes.items():
        set_in(changed, parse_path(path), copy.deepcopy(value))
    return changed


def _job(data: Mapping[str, Any]) -> JobShape:
    return memory_job(validate(copy.deepcopy(dict(data))))


def _estimate(data: Mapping[str, Any], machine: Machine, card: int) -> Estimate:
    """What the run needs once the trainer has chosen what it may choose on this card."""
    job = _job(data)
    calibration = machine.calibration(job)
    return estimate(settled(job, card, calibration) if card else job, calibration)
