"""Small YAML overlays on a common base: how presets and hardware tiers are written down."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any, Final

from schemas.errors import ConfigError
from schemas.nodes import parse
from schemas.reading import read_text

ROOT: Final = Path(__file__).parent


def merge(base: Mapping[str, Any], overlay: Mapping[str, Any]) -> dict[str, Any]:
    """``base`` with ``overlay`` on top: sections are merged, everything else (lists, null) replaces."""
    result = dict(base)
    for key, value in overlay.items():
        below = result.get(key)
        both = isinstance(value, Mapping) and isinstance(below, Mapping)
        result[key] = merge(below, value) if both and isinstance(below, Mapping) else value
    return result


@cache
def read(name: str) -> Mapping[str, Any]:
    """An overlay file of this package: ``base``, ``tasks/t2v_lora``, ``tiers/32``."""
    path = ROOT / f"{name}.yaml"
    node = parse(read_text(path), path)
    data = node.data() if node else None
    if not isinstance(data, dict):
        raise ConfigError("holds no sections", where=path)
    return data


def listed(folder: str) -> tuple[str, ...]:
    """Names of all overlays in a folder of this package."""
    return tuple(sorted(path.stem for path in (ROOT / folder).glob("*.yaml")))
