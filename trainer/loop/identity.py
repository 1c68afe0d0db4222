"""Is this the run that was saved? Two configurations compared field by field."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from schemas.diff import Difference, diff
from schemas.errors import ConfigError
from trainer.preflight.same_run import refused

if TYPE_CHECKING:
    from schemas import LtxTrainerConfig


def demand_same_run(saved: Mapping[str, Any], now: LtxTrainerConfig, place: str) -> tuple[Difference, ...]:
    """Differences between the saved configuration (JSON form) and this one that may be.

    Raises ConfigError listing the others.
    """
    found = diff(saved, now)
    forbidden = refused(found)
    if forbidden:
        raise ConfigError(
            f"{place} was trained with another configuration:\n  " + "\n  ".join(map(describe, forbidden)),
            where="output_dir",
            why="going on would mix two trainings in one",
            hint="restore these values, choose another output_dir, or start anew with --resume never",
        )
    return found


def describe(difference: Difference) -> str:
    """``optimization.steps: 2000 -> 3000``."""
    return f"{difference.path}: {difference.left!r} -> {difference.right!r}"
