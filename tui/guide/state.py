"""How far a step of the guide is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

Mark = Literal["done", "open", "wrong"]
SIGNS: Final[dict[Mark, str]] = {"done": "✔", "open": "·", "wrong": "✖"}
"""A sign of its own for each, so that nothing rests on colour alone."""
STYLES: Final[dict[Mark, str]] = {"done": "good", "open": "dim", "wrong": "bad"}


@dataclass(frozen=True, slots=True)
class StepState:
    """A mark and a few words."""

    mark: Mark
    words: str
