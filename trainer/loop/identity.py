"""Is this the run that was saved? Two configurations compared field by field."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from schemas.diff import Difference, diff
from schemas.errors import ConfigError

if TYPE_CHECKING:
    from schemas import LtxTrainerConfig

FREE: Final = (
    "optimization.steps",
    "optimization.learning_rate",
    "optimization.scheduler_params",
    "model.load_checkpoint",
)
"""Fields that shape the training and may still change on a resume: the user says when to end and how fast, and what a
run started from is in its state.
"""


def demand_same_run(saved: Mapping[str, Any], now: LtxTrainerConfig, place: str) -> tuple[Difference, ...]:
    """Differences between the saved configuration (JSON form) and this one that may be.

    Raises ConfigError listing the others.
    """
    found = diff(saved, now)
    refused = [difference for difference in found if difference.training and not difference.path.startswith(FREE)]
    if refused:
        raise ConfigError(
            f"{place} was trained with another configuration:\n  " + "\n  ".join(map(describe, refused)),
            where="output_dir",
            why="going on would mix two trainings in one",
            hint="restore these values, choose another output_dir, or start anew with --resume never",
        )
    return found


def describe(difference: Difference) -> str:
    """``optimization.steps: 2000 -> 3000``."""
    return f"{difference.path}: {difference.left!r} -> {difference.right!r}"
