"""Pydantic's errors in words a person can act on: which field, what is wrong, what to write instead."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from schemas.errors import FieldProblem
from schemas.paths import Part, format_path, join
from schemas.shapes import Shape, field_shapes

_TYPES: Final = {
    "int_type": "must be a whole number",
    "int_from_float": "must be a whole number",
    "float_type": "must be a number",
    "float_parsing": "must be a number",
    "finite_number": "must be a finite number",
    "bool_type": "must be true or false",
    "string_type": "must be text",
    "path_type": "must be a path",
    "is_instance_of": "must be a path",
    "list_type": "must be a list",
    "tuple_type": "must be a list",
    "dict_type": "must be a section of keys",
    "model_type": "must be a section of keys",
    "model_attributes_type": "must be a section of keys",
}
_BOUNDS: Final = {
    "greater_than_equal": ("ge", "must be at least"),
    "greater_than": ("gt", "must be above"),
    "less_than_equal": ("le", "must be at most"),
    "less_than": ("lt", "must be below"),
}
_SHOWN: Final = 60
"""Characters of a wrong value that are shown."""


@dataclass(frozen=True, slots=True)
class _Place:
    """A field as a person sees it."""

    parts: tuple[Part, ...]
    owner: type[BaseModel] | None
    """The model that holds it, or should."""
    around: Shape | None
    """The list or tuple it is an item of, or the section it is in."""


def nearest(name: str, known: Iterable[str]) -> str:
    """The known name a person most likely meant, or nothing."""
    if len(name) > _SHOWN:
        return ""  # no name is that long, and comparing takes time that grows with the square
    names = list(known)
    begun = [other for other in names if name and other.startswith(name)]
    return next(iter(difflib.get_close_matches(name, names, n=1, cutoff=0.55) or begun), "")


def problems_of(error: ValidationError, model: type[BaseModel]) -> list[FieldProblem]:
    """Everything a validation found, each with the path of its field."""
    return [_problem(details, model) for details in error.errors(include_url=False)]


def _problem(details: ErrorDetails, model: type[BaseModel]) -> FieldProblem:
    context = details.get("ctx") or {}
    place = _place(details["loc"], model)
    below = str(context.get("at") or "")
    if details["type"] in ("union_tag_invalid", "union_tag_not_found"):
        below = str(context.get("discriminator", "")).strip("'")
    message, hint = _words(details, context, place, model)
    value = "" if details["type"] == "missing" or below else short(details.get("input"))
    here = format_path(place.parts)
    also = tuple(join(here, other) for other in context.get("also") or ())
    return FieldProblem(join(here, below), message, hint, value=value, also=also)


def _place(loc: tuple[Part, ...], model: type[BaseModel]) -> _Place:
    """Where pydantic points to, without the union tags it puts between."""
    parts: list[Part] = []
    owner: type[BaseModel] | None = model
    around: Shape | None = None
    shape: Shape | None = Shape("model", model=model)
    for part in loc:
        if shape is None:
            break
        if shape.kind == "union":
            variant = shape.variant(part)
            shape = Shape("model", model=variant) if variant else None
            continue
        parts.append(part)
        owner, around, shape = shape.model, shape, _below(shape, part)
    return _Place(tuple(parts), owner, around)


def _below(shape: Shape, part: Part) -> Shape | None:
    if shape.model is not None:
        return field_shapes(shape.model).get(str(part))
    return shape.item if shape.kind in ("list", "tuple") else None


def _words(details: ErrorDetails, context: Mapping[str, Any], place: _Place, root: type[BaseModel]) -> tuple[str, str]:
    """Message and hint."""
    kind, value = details["type"], details.get("input")
    if kind == "wizard":
        return str(context["message"]), str(context.get("hint", ""))
    if kind == "extra_forbidden":
        return _unknown_key(place, root)
    if kind == "missing":
        return _missing(place)
    if kind in _BOUNDS:
        name, words = _BOUNDS[kind]
        limit = context[name]
        return f"{words} {limit:g}, not {short(value)}", ""
    if kind in _TYPES:
        return f"{_TYPES[kind]}, not {short(value)}", _type_hint(kind, value)
    if kind in ("literal_error", "union_tag_invalid", "union_tag_not_found"):
        return _wrong_choice(kind, context, value)
    if kind in ("too_short", "string_too_short"):
        return "must not be empty", _help(place)
    if kind == "too_long":
        return f"has too many items: {context.get('max_length')} are wanted", _help(place)
    return details["msg"], ""


def _unknown_key(place: _Place, root: type[BaseModel]) -> tuple[str, str]:
    name = str(place.parts[-1])
    message = f"unknown key {short(name)}"
    siblings = list(place.owner.model_fields) if place.owner else []
    meant = nearest(name, siblings)
    if meant:
        return message, f"did you mean {meant}?"
    sections = [
        f"{section}.{name}"
        for section, shape in field_shapes(root).items()
        if shape.model is not None and name in shape.model.model_fields
    ]
    if sections or name in root.model_fields:
        return message, f"it belongs to {' or '.join(sections) or 'the top level'}"
    return message, f"known here: {', '.join(siblings)}" if siblings else "delete it"


def _missing(place: _Place) -> tuple[str, str]:
    if place.around is not None and place.around.kind == "tuple":
        return f"is missing: {place.around.length} values are wanted", "write them in brackets, with commas"
    return "is required", _help(place)


def _help(place: _Place) -> str:
    """What a field is for, with an example."""
    field = place.owner.model_fields.get(str(place.parts[-1])) if place.owner else None
    if field is None:
        return ""
    text = field.description or ""
    return f"for example {short(field.examples[0])}: {text}" if field.examples else text


def _wrong_choice(kind: str, context: Mapping[str, Any], value: Any) -> tuple[str, str]:
    if kind == "union_tag_not_found":
        return "is required", "say which type of condition this is"
    expected = str(context.get("expected") or context.get("expected_tags") or "")
    choices = [choice.strip(" '\"") for choice in expected.replace(" or ", ",").split(",") if choice.strip()]
    value = context.get("tag", value)
    meant = nearest(str(value), choices)
    words = f"must be {choices[0]}" if len(choices) == 1 else f"must be one of {', '.join(choices)}"
    return f"{words}, not {short(value)}", f"did you mean {meant}?" if meant else ""


def _type_hint(kind: str, value: Any) -> str:
    text = str(value).lower() if isinstance(value, str | bool | int | float) else ""
    if kind == "bool_type" and text in ("yes", "on", "y", "1", "no", "off", "n", "0"):
        return f"YAML 1.2 has only true and false: write {'true' if text in ('yes', 'on', 'y', '1') else 'false'}"
    if kind in ("int_type", "int_from_float") and isinstance(value, float) and value.is_integer():
        return f"write {value:.0f}"
    if kind == "string_type" and text:
        return f'put it in quotes: "{value}"'
    if kind in ("list_type", "tuple_type") and text:
        return "write it in brackets: [a, b]"
    return ""


def short(value: Any) -> str:
    """A value as YAML would show it, cut to one short line; a huge one is never written out whole."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        text = " ".join(value[: 4 * _SHOWN].split()) or '""'
    elif isinstance(value, Mapping):
        text = "{" + ", ".join(short(key) for key in list(value)[:8]) + "}"
    elif isinstance(value, list | tuple):
        text = "[" + ", ".join(short(item) for item in value[:8]) + "]"
    elif isinstance(value, int) and value.bit_length() > 256:
        text = f"a number of {value.bit_length()} bits"
    else:
        text = repr(value)
    return text if len(text) <= _SHOWN else text[: _SHOWN - 3] + "..."
