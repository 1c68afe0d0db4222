"""The form of a field's type, read once from its annotation: what problems, specs and writers all walk along."""

from __future__ import annotations

import types
import typing
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any, Literal

import annotated_types
from pydantic import BaseModel
from pydantic.fields import FieldInfo

Kind = Literal["bool", "int", "float", "str", "text", "path", "choice", "list", "tuple", "dict", "union", "model"]


@dataclass(frozen=True)
class Shape:
    """What values a type takes."""

    kind: Kind
    nullable: bool = False
    choices: tuple[Any, ...] = ()
    item: Shape | None = None
    """Of a list, and of a tuple, whose items are all alike."""
    length: int = 0
    """Of a tuple."""
    model: type[BaseModel] | None = None
    variants: tuple[tuple[str, type[BaseModel]], ...] = ()
    """Of a union: tag and model of each."""
    discriminator: str = ""
    words: tuple[str, ...] = ()
    """Of a number: what may stand in its place."""
    bounds: tuple[Any, ...] = ()
    """annotated_types constraints: Ge, Gt, Le, Lt, MinLen."""

    def variant(self, tag: Any) -> type[BaseModel] | None:
        """The model of a union's tag."""
        return next((model for name, model in self.variants if name == tag), None)


_SCALARS: dict[Any, Kind] = {bool: "bool", int: "int", float: "float", str: "str", Path: "path"}


def _flatten(annotation: Any) -> tuple[Any, list[Any]]:
    """Strip Annotated layers; returns the bare type and all metadata."""
    metadata: list[Any] = []
    while typing.get_origin(annotation) is typing.Annotated:
        metadata.extend(annotation.__metadata__)
        annotation = annotation.__origin__
    return annotation, metadata


def _bounds(metadata: list[Any]) -> tuple[Any, ...]:
    kinds = (annotated_types.Ge, annotated_types.Gt, annotated_types.Le, annotated_types.Lt, annotated_types.MinLen)
    inner = [bound for item in metadata if isinstance(item, FieldInfo) for bound in item.metadata]
    return tuple(item for item in [*metadata, *inner] if isinstance(item, kinds))


def shape_of(annotation: Any, metadata: tuple[Any, ...] = ()) -> Shape:
    """The shape of an annotation; raises TypeError for one this project has no editor for."""
    bare, found = _flatten(annotation)
    found = [*metadata, *found]
    origin, arguments = typing.get_origin(bare), typing.get_args(bare)
    if origin in (typing.Union, types.UnionType):
        return _union(arguments, found)
    if origin is Literal:
        return Shape("choice", choices=arguments, bounds=_bounds(found))
    if origin is list:
        return Shape("list", item=shape_of(arguments[0]), bounds=_bounds(found))
    if origin is tuple:
        return Shape("tuple", item=shape_of(arguments[0]), length=len(arguments), bounds=_bounds(found))
    if origin is dict:
        return Shape("dict", bounds=_bounds(found))
    if isinstance(bare, type) and issubclass(bare, BaseModel):
        return Shape("model", model=bare)
    if bare in _SCALARS:
        return Shape(_SCALARS[bare], bounds=_bounds(found))
    raise TypeError(f"no editor for {annotation!r}")


def _union(arguments: tuple[Any, ...], metadata: list[Any]) -> Shape:
    members = [argument for argument in arguments if argument is not type(None)]
    if len(members) == 1:
        inner = shape_of(members[0], tuple(metadata))
        return Shape(**{**inner.__dict__, "nullable": True})
    words = [shape for shape in map(shape_of, members) if shape.kind == "choice"]
    if len(members) == 2 and len(words) == 1:
        number = next(shape for shape in map(shape_of, members) if shape.kind != "choice")
        return replace(number, words=words[0].choices, nullable=len(members) < len(arguments))
    discriminator = next((item.discriminator for item in metadata if isinstance(item, FieldInfo)), None)
    if not isinstance(discriminator, str):
        raise TypeError(f"a union needs a discriminator: {arguments!r}")
    variants = tuple((_tag(model, discriminator), model) for model in members)
    return Shape("union", variants=variants, discriminator=discriminator, nullable=len(members) < len(arguments))


def _tag(model: type[BaseModel], discriminator: str) -> str:
    return str(typing.get_args(model.model_fields[discriminator].annotation)[0])


@cache
def field_shapes(model: type[BaseModel]) -> dict[str, Shape]:
    """Shape of each field of a model."""
    return {name: shape_of(field.annotation, tuple(field.metadata)) for name, field in model.model_fields.items()}
