"""Is this the run that was saved? Two configurations compared field by field."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from schemas.errors import ConfigError
from schemas.spec import find

FREE: Final = ("optimization.steps", "optimization.learning_rate", "optimization.scheduler_params")
"""Fields that shape the training and may still change on a resume: the user says when to end and how fast."""


@dataclass(frozen=True, slots=True)
class Change:
    """One field that differs between the saved configuration and this one."""

    path: str
    saved: Any
    now: Any
    allowed: bool

    def __str__(self) -> str:
        return f"{self.path}: {self.saved!r} -> {self.now!r}"


def fingerprint(config: Mapping[str, Any]) -> str:
    """16 hex digits over every field that must not change on a resume (complete configuration in JSON form)."""
    fixed = {path: value for path, value in _leaves(config).items() if not _allowed(path)}
    return hashlib.sha256(json.dumps(fixed, sort_keys=True).encode()).hexdigest()[:16]


def changes(saved: Mapping[str, Any], now: Mapping[str, Any]) -> tuple[Change, ...]:
    """Fields of two complete configurations (JSON form) that differ, in the order of the document."""
    old, new = _leaves(saved), _leaves(now)
    paths = dict.fromkeys([*new, *old])
    return tuple(
        Change(path, old.get(path), new.get(path), _allowed(path)) for path in paths if old.get(path) != new.get(path)
    )


def demand_same_run(saved: Mapping[str, Any], now: Mapping[str, Any], place: str) -> tuple[Change, ...]:
    """Return the allowed changes; raises ConfigError listing the others."""
    found = changes(saved, now)
    refused = [change for change in found if not change.allowed]
    if refused:
        raise ConfigError(
            f"{place} was trained with another configuration:\n  " + "\n  ".join(str(change) for change in refused),
            where="output_dir",
            why="going on would mix two trainings in one",
            hint="restore these values, choose another output_dir, or start anew with --resume never",
        )
    return found


def _allowed(path: str) -> bool:
    if path.startswith(FREE):
        return True
    try:
        return not find(path).training
    except ConfigError:
        return False


def _leaves(value: Any, path: str = "") -> dict[str, Any]:
    if isinstance(value, Mapping):
        items = {f"{path}.{key}" if path else str(key): item for key, item in value.items()}
    elif isinstance(value, list) and any(isinstance(item, Mapping) for item in value):
        items = {f"{path}[{index}]": item for index, item in enumerate(value)}
    else:
        return {path: value}
    found: dict[str, Any] = {}
    for name, item in items.items():
        found |= _leaves(item, name)
    return found
