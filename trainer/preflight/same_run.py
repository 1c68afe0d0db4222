"""Whether two configurations are of one run, and how large its saves are: for `check` and the trainer alike."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from schemas.diff import Difference

FREE: Final = (
    "optimization.steps",
    "optimization.learning_rate",
    "optimization.scheduler_params",
    "model.load_checkpoint",
)
"""Fields that shape the training and may still change on a resume: the user says when to end and how fast, and what a
run started from is in its state.
"""
_EXPORT_BYTES: Final = {"bfloat16": 2, "float32": 4}
_STATE_BYTES: Final = {"full": 12, "minimal": 4, "off": 0}
"""Bytes of training state per trained number: fp32 weights, and two fp32 optimizer moments when full."""
_AVERAGE_STATE_BYTES: Final = 4


def refused(differences: Iterable[Difference]) -> tuple[Difference, ...]:
    """Those that make another training of it."""
    return tuple(found for found in differences if found.training and not found.path.startswith(FREE))


def save_bytes(trained: int, precision: str, state: str, *, averaged: bool = False, copied: int = 0) -> int:
    """Bytes of one save of ``trained`` numbers: the export in ``precision``, the training state, and when ``averaged``
    both of the running average too. ``copied`` is what an export takes over from the base model's file.
    """
    width = _EXPORT_BYTES[precision]
    each = width + _STATE_BYTES[state] + (width + _AVERAGE_STATE_BYTES if averaged else 0)
    return trained * each + copied
