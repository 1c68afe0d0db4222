"""What the configuration of a run says about its future: when it saves, when it validates, with what."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from schemas.errors import WizardError
from tui.text import clean_line


@dataclass(frozen=True, slots=True)
class PlannedSample:
    """A configured validation sample in words."""

    prompt: str
    conditions: tuple[str, ...]
    """Each as its kind and its file, for example ``first_frame: start.png``."""


@dataclass(frozen=True, slots=True)
class Plan:
    """The parts of a configuration that a viewer shows; all unknown when it cannot be read."""

    checkpoint_interval: int | None = None
    validation_interval: int | None = None
    warmup_steps: int = 0
    samples: tuple[PlannedSample, ...] = ()

    @classmethod
    def read(cls, path: Path) -> Plan:
        """From ``training_config.yaml``. Takes a tenth of a second or more: not for the thread that draws."""
        from schemas import load_config

        try:
            config = load_config(path).config
        except (WizardError, OSError):
            return cls()
        return cls(
            checkpoint_interval=config.checkpoints.interval,
            validation_interval=config.validation.interval,
            warmup_steps=config.optimization.warmup_steps,
            samples=tuple(_planned(sample.model_dump(mode="json")) for sample in config.validation.samples),
        )


def next_due(step: int, interval: int | None, total: int | None) -> int | None:
    """Steps until something that happens every ``interval`` steps; None when it never will again."""
    if not interval or (total is not None and step >= total):
        return None
    due = (step // interval + 1) * interval
    return None if total is not None and due > total else due - step


def _planned(sample: Mapping[str, Any]) -> PlannedSample:
    conditions = tuple(_condition(condition) for condition in sample.get("conditions") or ())
    return PlannedSample(clean_line(str(sample.get("prompt", ""))), conditions)


def _condition(condition: Mapping[str, Any]) -> str:
    given = [Path(value).name for key, value in condition.items() if isinstance(value, str) and key != "type" and value]
    return clean_line(": ".join([str(condition.get("type")), ", ".join(given)]) if given else str(condition["type"]))
