"""The validation samples of a run: by prompt, and by step."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

MOST_PROMPTS: Final = 64
MOST_STEPS: Final = 1000
"""Of one prompt; the newest ones."""


@dataclass(frozen=True, slots=True)
class Sample:
    """One sample that was made."""

    index: int
    """Which of the configured samples, from 0."""
    step: int
    path: str
    poster: str
    """Its still picture; empty when there is none, as for sound."""
    prompt: str


@dataclass(slots=True)
class Gallery:
    """Samples in the order they were made."""

    by_index: dict[int, deque[Sample]] = field(default_factory=dict)

    def add(self, event: Mapping[str, Any]) -> None:
        """Take in a sample event; one that makes no sense is left out."""
        step, index = event.get("step"), event.get("index")
        if type(step) is not int or type(index) is not int or not isinstance(event.get("path"), str):
            return
        if index not in self.by_index and len(self.by_index) >= MOST_PROMPTS:
            return
        row = self.by_index.setdefault(index, deque(maxlen=MOST_STEPS))
        poster, prompt = event.get("poster"), event.get("prompt")
        made = Sample(
            index,
            step,
            event["path"],
            poster if isinstance(poster, str) else "",
            prompt if isinstance(prompt, str) else "",
        )
        if row and row[-1].step == step:
            row.pop()
        row.append(made)

    def cut(self, step: int) -> None:
        """Forget what was made after ``step``."""
        for row in self.by_index.values():
            while row and row[-1].step > step:
                row.pop()

    @property
    def indexes(self) -> list[int]:
        """The samples there are, in order."""
        return sorted(index for index, row in self.by_index.items() if row)

    def row(self, index: int) -> list[Sample]:
        """One sample through the steps, oldest first."""
        return list(self.by_index.get(index, ()))

    @property
    def count(self) -> int:
        """All pictures and sounds."""
        return sum(map(len, self.by_index.values()))
