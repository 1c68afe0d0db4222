"""What a draft needs of a card, and what each tier would need: worked out away from the screen."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from presets.gpus import Driver, find_driver
from presets.memory import GIB, Estimate, JobShape, Proposal, Wish, known, solve, weigh
from presets.memory.card import card_of_size, host_memory
from schemas import validate
from schemas.errors import WizardError
from schemas.paths import parse_path, set_in
from trainer.preflight.memory import memory_job


@dataclass(frozen=True, slots=True)
class Machine:
    """What the estimate is held against."""

    driver: Driver
    host_bytes: int | None

    @classmethod
    def here(cls) -> Machine:
        """This one."""
        return cls(find_driver(), host_memory())

    @property
    def card_bytes(self) -> int | None:
        """Of the smallest card, which is the one that decides."""
        return min((gpu.total for gpu in self.driver.gpus), default=None)


@dataclass(frozen=True, slots=True)
class Weight:
    """A valid draft, weighed; ``problem`` says why there is none."""

    estimate: Estimate | None = None
    tiers: Mapping[int, int] = field(default_factory=dict)
    """Tier in GB -> bytes that the draft would need when set up for it."""
    problem: str = ""


def weigh_draft(data: Mapping[str, Any], variants: Mapping[int, Mapping[str, Any]], card: int) -> Weight:
    """Estimate a draft on a card of ``card`` bytes (0: none is known), and the variants of it on their tiers."""
    try:
        found = weigh(_job(data), card_of_size(card) if card else None)
    except WizardError as error:
        return Weight(problem=error.message)
    needs = {}
    for size, variant in variants.items():
        try:
            needs[size] = weigh(_job(variant), card_of_size(size * GIB)).peak_bytes
        except WizardError:
            continue
    return Weight(found, needs)


def proposals(data: Mapping[str, Any], machine: Machine, card: int, wish: Wish) -> tuple[Proposal, ...]:
    """Ways to make a valid draft fit. Raises ConfigError for one that is not."""
    job = _job(data)
    return solve(job, card, machine.host_bytes, wish, known(job, card_of_size(card)))


def with_values(data: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """A copy of a draft's data with other values at some paths."""
    changed = copy.deepcopy(dict(data))
    for path, value in changes.items():
        set_in(changed, parse_path(path), copy.deepcopy(value))
    return changed


def _job(data: Mapping[str, Any]) -> JobShape:
    return memory_job(validate(copy.deepcopy(dict(data))))
