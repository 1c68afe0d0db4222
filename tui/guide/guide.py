"""The guided path over one draft: what was chosen, where one has been, what is known about files and data."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import presets
from tui.forms.draft import Draft
from tui.guide.data_facts import DataFacts, DataQuestion, data_facts
from tui.guide.goals import goal
from tui.guide.model_facts import ModelFacts, ModelPaths, model_facts
from tui.guide.retarget import BLANK, choose


@dataclass(frozen=True, slots=True)
class Choice:
    """What a draft was based on while it held ``data``, which is one of the states that undo comes back to."""

    data: dict[str, Any]
    preset: str | None
    vram: float | None
    base: dict[str, Any] | None


@dataclass(slots=True)
class Guide:
    """One way through the configuration. The draft is the only thing that is ever written to a file."""

    draft: Draft
    visited: set[str] = field(default_factory=set)
    model: ModelFacts | None = None
    data: DataFacts | None = None
    refused: dict[str, tuple[int, list[Any]]] = field(default_factory=dict)
    """Steps in which the check before a launch found something: how much, and the values it was found in."""
    _choices: list[Choice] = field(default_factory=list)

    @classmethod
    def new(cls, *, vram: float | None = None, path: Path | None = None) -> Guide:
        """A guide over a new draft without a goal. Raises ConfigError for a card below all tiers."""
        return cls(Draft.new(presets.load(BLANK, vram=vram), vram=vram, path=path))

    @property
    def goal(self) -> str | None:
        """The preset the draft began as, if it is one we know."""
        return self.draft.preset if self.draft.preset in presets.names() else None

    @property
    def tier(self) -> int | None:
        """The tier whose settings the draft began with; None: as published."""
        if self.draft.vram is not None:
            return presets.tier_for(self.draft.vram)
        fixed = goal(self.goal).info.tiers if self.goal else ()
        return fixed[0] if len(fixed) == 1 else None

    def choose_goal(self, name: str) -> None:
        """Carry the draft over to another goal; what the person changed stays where the goal leaves it alone."""
        self._choose(name, self.draft.vram)

    def choose_card(self, vram: float | None) -> None:
        """Carry the draft over to another card; None: as published."""
        self._choose(self.goal, vram)

    def follow(self) -> None:
        """After undo or redo of a choice, what the draft is based on is again what it was."""
        for choice in self._choices:
            if choice.data is self.draft.data:
                self.draft.preset, self.draft.vram, self.draft.base = choice.preset, choice.vram, choice.base

    def _choose(self, name: str | None, vram: float | None) -> None:
        before = self._present()
        choose(self.draft, name, vram)
        self._choices += [before, self._present()]

    def _present(self) -> Choice:
        draft = self.draft
        return Choice(draft.data, draft.preset, draft.vram, draft.base)

    # ---------------------------------------------------------------- files and data

    def stale(self) -> tuple[ModelPaths | None, DataQuestion | None]:
        """What has to be looked at anew because the draft asks for something else than what is known."""
        paths, question = ModelPaths.of(self.draft), DataQuestion.of(self.draft)
        return (
            None if self.model is not None and self.model.paths == paths else paths,
            None if self.data is not None and self.data.question == question else question,
        )

    def take(self, model: ModelFacts | None, data: DataFacts | None) -> None:
        """Remember what was found, unless the draft has moved on meanwhile."""
        if model is not None and model.paths == ModelPaths.of(self.draft):
            self.model = model
            self.refused.pop("model", None)
        if data is not None and data.question == DataQuestion.of(self.draft):
            self.data = data
            self.refused.pop("data", None)

    def forget(self) -> None:
        """Look at files and data anew: they may have changed on disk."""
        self.model = self.data = None


def look(paths: ModelPaths | None, question: DataQuestion | None) -> tuple[ModelFacts | None, DataFacts | None]:
    """Find out what :meth:`Guide.stale` asked for; reads files, so a screen calls it from a thread."""
    return (
        None if paths is None else model_facts(paths),
        None if question is None else data_facts(question),
    )
