"""Fields of our own stay out of a file while they say nothing, so that other trainers read it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from schemas.fieldspec import FieldSpec
from schemas.spec import model_specs


def without_unchanged(data: Mapping[str, Any], specs: tuple[FieldSpec, ...] | None = None) -> dict[str, Any]:
    """A copy of a configuration, or of one section of it, without extensions at their default."""
    known = {spec.name: spec for spec in (model_specs() if specs is None else specs)}
    result: dict[str, Any] = {}
    for name, value in data.items():
        spec = known.get(name)
        if spec is None or not spec.extension or value != spec.default:
            result[name] = _inside(value, spec)
    return result


def _inside(value: Any, spec: FieldSpec | None) -> Any:
    if spec is None:
        return value
    if isinstance(value, Mapping):
        variant = spec.variant(value.get(spec.discriminator)) if spec.discriminator else None
        return without_unchanged(value, variant.fields if variant else spec.fields)
    return [_inside(item, spec.item) for item in value] if isinstance(value, list | tuple) else value
