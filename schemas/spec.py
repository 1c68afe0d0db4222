"""Every field of the configuration as plain data: what forms, help and documentation are made of."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from pathlib import PurePath
from typing import Any, Final

import annotated_types
from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from schemas.config import LtxTrainerConfig
from schemas.errors import ConfigError
from schemas.fieldspec import FieldSpec, Variant, required_values
from schemas.legacy_keys import LEGACY_STRATEGIES, LegacyValidationKeys
from schemas.paths import join, parse_path
from schemas.setting import Meta, meta_of
from schemas.shapes import Shape, field_shapes
from schemas.wording import nearest

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
    top = path.split(".", maxsplit=1)[0].split("[", maxsplit=1)[0]
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
    limits |= {"choices": shape.choices, "words": shape.words, "length": shape.length}
    spec = replace(spec, nullable=shape.nullable, **limits)
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
    return Variant(tag, title, description, specs, {**start, **required_values(specs)})


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
    for part in parts:
        following = _step(spec, known, part)
        if following is None:
            raise _not_found(path, spec, str(part), known, model)
        spec = _section_of(spec, following) if isinstance(following, Variant) else following
    assert spec is not None
    return spec


def _section_of(union: FieldSpec | None, variant: Variant) -> FieldSpec:
    """One alternative of a union as a section of its own."""
    assert union is not None
    title, text = variant.tag, variant.description
    return replace(union, kind="model", fields=variant.fields, variants=(), title=title, description=text)


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


__all__ = ["GROUPS", "FieldSpec", "Variant", "fields", "find", "model_specs"]
