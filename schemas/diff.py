"""What differs between two configurations, with all defaults resolved."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from schemas.config import LtxTrainerConfig
from schemas.editing import same
from schemas.paths import MISSING, Part, format_path
from schemas.problems import validate
from schemas.spec import find

Change = Literal["changed", "added", "removed"]


@dataclass(frozen=True, slots=True)
class Difference:
    """One field in which two configurations differ."""

    path: str
    change: Change
    left: Any
    """Plain value, None when it was added."""
    right: Any
    """Plain value, None when it was removed."""
    training: bool
    """Whether it makes another model: such a run cannot go on as the same."""


def diff(
    left: LtxTrainerConfig | Mapping[str, Any], right: LtxTrainerConfig | Mapping[str, Any]
) -> tuple[Difference, ...]:
    """Every differing field in document order; raises ConfigError when one of the two is invalid.

    Lists of sections are compared item by item, other lists and schedule parameters as a whole.
    """
    return tuple(_walk(_data(left), _data(right), ()))


def training_diff(left: LtxTrainerConfig, right: LtxTrainerConfig) -> tuple[Difference, ...]:
    """Only what makes another model."""
    return tuple(difference for difference in diff(left, right) if difference.training)


def _data(config: LtxTrainerConfig | Mapping[str, Any]) -> dict[str, Any]:
    model = config if isinstance(config, LtxTrainerConfig) else validate(config)
    return model.model_dump(mode="json")


def _walk(left: Any, right: Any, parts: tuple[Part, ...]) -> Iterator[Difference]:
    if isinstance(left, dict) and isinstance(right, dict) and not format_path(parts).endswith("_params"):
        for key in dict.fromkeys([*left, *right]):
            yield from _walk(left.get(key, MISSING), right.get(key, MISSING), (*parts, key))
    elif _sections(left) and _sections(right):
        for place in range(max(len(left), len(right))):
            before, after = (items[place] if place < len(items) else MISSING for items in (left, right))
            yield from _walk(before, after, (*parts, place))
    elif not same(left, right):
        yield _difference(format_path(parts), left, right)


def _sections(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(item, dict) for item in value)


def _difference(path: str, left: Any, right: Any) -> Difference:
    change: Change = "added" if left is MISSING else "removed" if right is MISSING else "changed"
    training = find(path).training
    return Difference(path, change, None if left is MISSING else left, None if right is MISSING else right, training)
