"""One field of the configuration as plain data."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from schemas.setting import Provider, When
from schemas.shapes import Kind


@dataclass(frozen=True)
class Variant:
    """One alternative of a union, or the parameters that go with one value of another field."""

    tag: str
    title: str
    description: str
    fields: tuple[FieldSpec, ...]
    template: Mapping[str, Any]
    """The least a new one must hold; empty text still has to be filled in."""


@dataclass(frozen=True)
class FieldSpec:
    """One field. List items are written ``[]`` in the path: ``validation.samples[].prompt``."""

    path: str
    name: str
    title: str
    description: str
    kind: Kind
    default: Any = None
    """As YAML holds it: lists, dicts and scalars."""
    recommended: Any = None
    required: bool = False
    nullable: bool = False
    unit: str = ""
    ge: float | None = None
    gt: float | None = None
    le: float | None = None
    lt: float | None = None
    min_length: int = 0
    choices: tuple[Any, ...] = ()
    words: tuple[str, ...] = ()
    """Of a number: what may stand in its place."""
    group: str = "general"
    advanced: bool = False
    effect_memory: str = ""
    effect_speed: str = ""
    effect_quality: str = ""
    relevant_when: tuple[When, ...] = ()
    """Relevant when any of these holds; empty: always."""
    provider: Provider | None = None
    extension: bool = False
    deprecated: str = ""
    """What to write instead; empty: current."""
    example: Any = None
    training: bool = True
    """Whether another value trains another model."""
    item: FieldSpec | None = None
    """Of a list or tuple: what each item is."""
    length: int = 0
    """Of a tuple."""
    variants: tuple[Variant, ...] = ()
    """Of a union, by its discriminator; of a dict, by the value of the field ``variant_by``."""
    discriminator: str = ""
    variant_by: str = ""
    fields: tuple[FieldSpec, ...] = ()
    """Of a model."""

    @property
    def template(self) -> Any:
        """What to start with when this is added: a copy that may be changed."""
        if self.kind == "model":
            given = self.example if isinstance(self.example, Mapping) else required_values(self.fields)
            return copy.deepcopy(dict(given))
        if self.kind == "union":
            return copy.deepcopy(dict(self.variants[0].template))
        return copy.deepcopy(_placeholder(self))

    def variant(self, tag: Any) -> Variant | None:
        """The alternative of a tag."""
        return next((variant for variant in self.variants if variant.tag == tag), None)

    def bounds(self) -> str:
        """The allowed range in words: ``at least 2``, ``0 to 1``; empty when there is none."""
        low = self.ge if self.ge is not None else self.gt
        high = self.le if self.le is not None else self.lt
        if self.ge is not None and self.le is not None:
            return f"{self.ge:g} to {self.le:g}" if self.le < 1e6 else f"at least {self.ge:g}"
        parts = []
        if low is not None:
            parts.append(f"{'at least' if self.ge is not None else 'above'} {low:g}")
        if high is not None:
            parts.append(f"{'at most' if self.le is not None else 'below'} {high:g}")
        return ", ".join(parts)


def required_values(specs: tuple[FieldSpec, ...]) -> dict[str, Any]:
    return {spec.name: _placeholder(spec) for spec in specs if spec.required}


def _placeholder(spec: FieldSpec) -> Any:
    if spec.kind in ("str", "text", "path") and spec.provider != "data_directory":
        return ""
    if spec.default is not None:
        return spec.default
    if spec.example is not None:
        return spec.example
    neutral: dict[str, Any] = {"bool": False, "int": int(spec.ge or 0), "float": float(spec.ge or 0), "list": []}
    return spec.choices[0] if spec.choices else neutral.get(spec.kind)
