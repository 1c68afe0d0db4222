"""Every field of the configuration as plain data: what forms, help and documentation are made of."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cache
from pathlib import PurePath
from typing import Any, Final

import annotated_types
from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from schemas.config import LtxTrainerConfig
from schemas.errors import ConfigError
from schemas.legacy import LEGACY_STRATEGIES, LegacyValidationKeys
from schemas.params import nearest
from schemas.paths import join, parse_path
from schemas.setting import Meta, Provider, When, meta_of
from schemas.shapes import Kind, Shape, field_shapes

GROUPS: Final = (
    "model",
    "lora",
    "strategy",
    "optimization",
    "acceleration",
    "data",
    "validation",
    "checkpoints",
    "hub",
    "wandb",
    "flow_matching",
    "general",
)
_GROUP_OF: Final = {"training_strategy": "strategy", "seed": "general", "output_dir": "general"}


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
            given = self.example if isinstance(self.example, Mapping) else _required(self.fields)
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


def fields(model: type[BaseModel] = LtxTrainerConfig) -> tuple[FieldSpec, ...]:
    """All fields in document order: scalars, lists, dicts, and sections that may be null (before their fields)."""
    return tuple(_walk(model_specs(model)))


def _walk(specs: tuple[FieldSpec, ...]) -> Iterator[FieldSpec]:
    for spec in specs:
        if spec.kind != "model" or spec.nullable:
            yield spec
        if spec.kind == "model":
            yield from _walk(spec.fields)


@cache
def model_specs(model: type[BaseModel] = LtxTrainerConfig, prefix: str = "") -> tuple[FieldSpec, ...]:
    """The fields of one model, sections included, each with its own fields."""
    shapes = field_shapes(model)
    return tuple(_spec(join(prefix, name), name, field, shapes[name]) for name, field in model.model_fields.items())


def _spec(path: str, name: str, field: FieldInfo, shape: Shape) -> FieldSpec:
    meta = meta_of(field)
    required = field.is_required()
    default = None if required else _plain(field.get_default(call_default_factory=True))
    top = path.split(".")[0].split("[")[0]
    spec = FieldSpec(
        path=path,
        name=name,
        title=field.title or name,
        description=field.description or "",
        kind="text" if meta.multiline else shape.kind,
        default=default,
        recommended=_plain(meta.recommended),
        required=required,
        group=_GROUP_OF.get(top, top if top in GROUPS else "general"),
        example=_plain(field.examples[0]) if field.examples else None,
    )
    return _with_shape(_with_meta(spec, meta), shape, meta)


def _with_meta(spec: FieldSpec, meta: Meta) -> FieldSpec:
    return replace(
        spec,
        unit=meta.unit,
        advanced=meta.advanced,
        effect_memory=meta.memory,
        effect_speed=meta.speed,
        effect_quality=meta.quality,
        relevant_when=meta.when,
        provider=meta.provider,
        extension=meta.extension,
        deprecated=meta.deprecated,
        training=meta.training,
    )


def _with_shape(spec: FieldSpec, shape: Shape, meta: Meta) -> FieldSpec:
    limits: dict[str, Any] = {}
    for bound in shape.bounds:
        if isinstance(bound, annotated_types.MinLen):
            limits["min_length"] = bound.min_length
        else:
            limits[type(bound).__name__.lower()] = getattr(bound, type(bound).__name__.lower())
    spec = replace(spec, nullable=shape.nullable, choices=shape.choices, length=shape.length, **limits)
    if shape.model is not None:
        return replace(spec, fields=model_specs(shape.model, spec.path))
    if shape.item is not None:
        return replace(spec, item=_item(spec, shape.item))
    if shape.variants:
        return replace(spec, variants=_union(shape, spec.path), discriminator=shape.discriminator)
    if meta.params is not None:
        variants = tuple(_variant(tag, model, spec.path) for tag, model in meta.params.items())
        return replace(spec, variants=variants, variant_by=meta.params_by)
    return spec


def _item(parent: FieldSpec, shape: Shape) -> FieldSpec:
    title = parent.title.removesuffix("s") if shape.kind in ("model", "union") else parent.title
    spec = FieldSpec(
        path=f"{parent.path}[]",
        name=parent.name,
        title=title,
        description=parent.description,
        kind=shape.kind,
        required=True,
        group=parent.group,
        unit=parent.unit,
        provider=parent.provider,
        training=parent.training,
    )
    return _with_shape(spec, shape, Meta())


def _union(shape: Shape, path: str) -> tuple[Variant, ...]:
    return tuple(_variant(tag, model, path, shape.discriminator) for tag, model in shape.variants)


def _variant(tag: str, model: type[BaseModel], path: str, discriminator: str = "") -> Variant:
    specs = model_specs(model, path)
    title = next((spec.description for spec in specs if spec.name == discriminator), tag)
    start = {discriminator: tag} if discriminator else {}
    description = (model.__doc__ or "").strip().split("\n")[0]
    return Variant(tag, title, description, specs, {**start, **_required(specs)})


def _required(specs: tuple[FieldSpec, ...]) -> dict[str, Any]:
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


def _plain(value: Any) -> Any:
    if value is PydanticUndefined:
        return None
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json")
    if isinstance(value, PurePath):
        return str(value)
    return [_plain(item) for item in value] if isinstance(value, list | tuple) else value


def find(path: str, model: type[BaseModel] = LtxTrainerConfig) -> FieldSpec:
    """The field at a dotted path, sections and retired keys included.

    List indexes stand for any item. In a list of alternatives the first one that has the field is meant, or the one
    named: ``training_strategy.video.conditions[0].prefix.probability``. Raises ConfigError with a suggestion.
    """
    parts = parse_path(path.replace("[]", "[0]"))
    if not parts:
        raise ConfigError("no path given", hint="name a field, as optimization.steps")
    known = model_specs(model)
    spec: FieldSpec | None = None
    for position, part in enumerate(parts):
        following = _step(spec, known, part)
        if following is None:
            raise _not_found(path, spec, str(part), known, model)
        if isinstance(following, Variant):
            spec = replace(_container(spec), fields=following.fields, kind="model", title=following.tag,
                           description=following.description)  # fmt: skip
        else:
            spec = following
        del position
    return _container(spec)


def _container(spec: FieldSpec | None) -> FieldSpec:
    assert spec is not None
    return spec


def _step(spec: FieldSpec | None, known: tuple[FieldSpec, ...], part: Any) -> FieldSpec | Variant | None:
    if spec is None:
        return _named(known, part)
    if isinstance(part, int):
        return spec.item
    found = _named(spec.fields, part) or _named(_legacy(spec.path), part)
    if found is not None or not spec.variants:
        return found
    for variant in spec.variants:
        inside = _named(variant.fields, part)
        if inside is not None:
            return inside
    return spec.variant(part)


def _named(specs: tuple[FieldSpec, ...], name: Any) -> FieldSpec | None:
    return next((spec for spec in specs if spec.name == name), None)


@cache
def _legacy(section: str) -> tuple[FieldSpec, ...]:
    """Retired keys of a section."""
    if section == "validation":
        return model_specs(LegacyValidationKeys, section)
    if section == "training_strategy":
        found = [spec for model in LEGACY_STRATEGIES.values() for spec in model_specs(model, section)]
        return tuple(
            replace(spec, deprecated=spec.deprecated or "name: flexible, with conditions")
            for spec in found
            if spec.name != "name"
        )
    return ()


def _not_found(
    path: str, spec: FieldSpec | None, part: str, known: tuple[FieldSpec, ...], model: type[BaseModel]
) -> ConfigError:
    siblings = known if spec is None else spec.fields or tuple(f for v in spec.variants for f in v.fields)
    meant = nearest(part, [sibling.name for sibling in siblings])
    base = spec.path if spec else ""
    if meant:
        return ConfigError(f"there is no {path}", hint=f"did you mean {join(base, meant)}?")
    places = [found.path for found in fields(model) if found.name == part]
    if places:
        return ConfigError(f"there is no {path}", hint=f"did you mean {places[0]}?")
    names = ", ".join(sibling.name for sibling in siblings)
    return ConfigError(f"there is no {path}", hint=f"{base or 'the file'} holds {names or 'nothing below it'}")
