"""What is wrong with a configuration, field by field, in words a person can act on."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from schemas.config import LtxTrainerConfig
from schemas.errors import ConfigError, FieldProblem
from schemas.legacy import migrate
from schemas.params import nearest
from schemas.paths import MISSING, Part, Parts, format_path, get_in, join, parse_path
from schemas.shapes import Shape, field_shapes

_TYPES = {
    "int_type": "must be a whole number",
    "float_type": "must be a number",
    "bool_type": "must be true or false",
    "string_type": "must be text",
    "list_type": "must be a list",
    "tuple_type": "must be a list",
    "dict_type": "must be a section of keys",
    "model_type": "must be a section of keys",
    "model_attributes_type": "must be a section of keys",
    "path_type": "must be a path",
    "finite_number": "must be a finite number",
    "int_from_float": "must be a whole number",
}
_BOUNDS = {
    "greater_than_equal": ("ge", "must be at least"),
    "greater_than": ("gt", "must be above"),
    "less_than_equal": ("le", "must be at most"),
    "less_than": ("lt", "must be below"),
}


def validate(data: Mapping[str, Any]) -> LtxTrainerConfig:
    """The configuration ``data`` means; raises ConfigError carrying every problem found."""
    config, problems = _try(data)
    if config is None:
        raise config_error(problems)
    return config


def field_problems(data: Mapping[str, Any]) -> tuple[FieldProblem, ...]:
    """Everything wrong with ``data``; empty when it is valid. Cheap enough for every key press."""
    return _try(data)[1]


def config_error(problems: tuple[FieldProblem, ...], where: Any = None) -> ConfigError:
    """One error for a list of problems."""
    count = len(problems)
    return ConfigError(
        f"{count} problem{'' if count == 1 else 's'} in the configuration", where=where, problems=problems
    )


def _try(data: Mapping[str, Any]) -> tuple[LtxTrainerConfig | None, tuple[FieldProblem, ...]]:
    migration = migrate(data)
    problems = list(migration.problems)
    try:
        config = LtxTrainerConfig.model_validate(migration.data)
    except ValidationError as error:
        for details in error.errors(include_url=False):
            problem = explain(details, migration.data, LtxTrainerConfig)
            problems.append(_at_origin(problem, migration.origins))
    unique = {(problem.path, problem.message): problem for problem in problems}
    return (None if unique else config), tuple(unique.values())


def _at_origin(problem: FieldProblem, origins: Mapping[str, str]) -> FieldProblem:
    origin = origins.get(problem.path)
    if origin is None:
        return problem
    return FieldProblem(origin, problem.message, problem.hint, value=problem.value)


def explain(details: ErrorDetails, data: Any, model: type[BaseModel]) -> FieldProblem:
    """One pydantic error as a problem of the field a person sees."""
    context = details.get("ctx") or {}
    parts = _field_path(details["loc"], data, model)
    path = join(format_path(parts), str(context.get("at") or ""))
    message, hint = _words(details, context, parts, model)
    value = details.get("input", MISSING) if details["type"] != "missing" else MISSING
    return FieldProblem(path, message, hint, value="" if value is MISSING else _short(value))


def _field_path(loc: tuple[Part, ...], data: Any, model: type[BaseModel]) -> Parts:
    """Pydantic's location without the union tags it puts between."""
    parts: list[Part] = []
    shape: Shape | None = Shape("model", model=model)
    for part in loc:
        if shape is None:
            break
        if shape.kind == "union":
            shape = Shape("model", model=shape.variant(part)) if shape.variant(part) else None
            continue
        parts.append(part)
        shape = _below(shape, part)
    return tuple(parts)


def _below(shape: Shape, part: Part) -> Shape | None:
    if shape.kind == "model" and shape.model is not None:
        return field_shapes(shape.model).get(str(part))
    return shape.item if shape.kind in ("list", "tuple") else None


def _words(details: ErrorDetails, context: Mapping[str, Any], parts: Parts, model: type[BaseModel]) -> tuple[str, str]:
    """Message and hint for one error."""
    kind, value = details["type"], details.get("input")
    if kind == "wizard":
        return str(context["message"]), str(context.get("hint", ""))
    if kind == "extra_forbidden":
        return _unknown_key(parts, model)
    if kind == "missing":
        return "is required", _example(parts, model)
    if kind in _BOUNDS:
        name, words = _BOUNDS[kind]
        return f"{words} {context[name]}, not {_short(value)}", ""
    if kind in _TYPES:
        return f"{_TYPES[kind]}, not {_short(value)}", _type_hint(kind, value)
    if kind in ("literal_error", "union_tag_invalid", "union_tag_not_found"):
        return _wrong_choice(details, context, value)
    if kind in ("too_short", "string_too_short"):
        return "must not be empty", _example(parts, model)
    if kind in ("too_long", "missing_argument"):
        return "has too many items", _example(parts, model)
    return details["msg"], ""


def _unknown_key(parts: Parts, model: type[BaseModel]) -> tuple[str, str]:
    name = str(parts[-1])
    siblings = _siblings(parts[:-1], model)
    meant = nearest(name, siblings)
    if meant:
        return f"unknown key {name}", f"did you mean {meant}?"
    elsewhere = [
        f"{section}.{name}"
        for section, shape in field_shapes(LtxTrainerConfig).items()
        if shape.model is not None and name in shape.model.model_fields
    ]
    if elsewhere:
        return f"unknown key {name}", f"it belongs to {' or '.join(elsewhere)}"
    return f"unknown key {name}", f"known here: {', '.join(siblings)}" if siblings else "delete it"


def _siblings(parts: Parts, model: type[BaseModel]) -> list[str]:
    """Names of all fields a section may hold; for a union those of every variant."""
    shape: Shape | None = Shape("model", model=model)
    for part in parts:
        shape = _below(shape, part) if shape else None
    if shape is None:
        return []
    models = [shape.model] if shape.model else [variant for _, variant in shape.variants]
    return list(dict.fromkeys(name for found in models for name in found.model_fields))


def _example(parts: Parts, model: type[BaseModel]) -> str:
    shape: Shape | None = Shape("model", model=model)
    for part in parts[:-1]:
        shape = _below(shape, part) if shape else None
    if shape is None or shape.model is None:
        return ""
    field = shape.model.model_fields.get(str(parts[-1]))
    if field is None:
        return ""
    if field.examples:
        return f"for example {_short(field.examples[0])}: {field.description}"
    return field.description or ""


def _wrong_choice(details: ErrorDetails, context: Mapping[str, Any], value: Any) -> tuple[str, str]:
    expected = str(context.get("expected") or context.get("expected_tags") or "")
    choices = [choice.strip(" '\"") for choice in expected.replace(" or ", ",").split(",") if choice.strip()]
    if details["type"] == "union_tag_not_found":
        return "needs a type", "add type: to say which condition this is"
    if details["type"] == "union_tag_invalid":
        value = context.get("tag", value)
    meant = nearest(str(value), choices)
    return f"must be one of {', '.join(choices)}, not {_short(value)}", f"did you mean {meant}?" if meant else ""


def _type_hint(kind: str, value: Any) -> str:
    text = str(value).lower()
    if kind == "bool_type" and text in ("yes", "on", "y", "1", "no", "off", "n", "0"):
        return f"YAML 1.2 has only true and false: write {'true' if text in ('yes', 'on', 'y', '1') else 'false'}"
    if kind in ("int_type", "int_from_float") and isinstance(value, float) and value.is_integer():
        return f"write {int(value)}"
    if kind == "string_type" and isinstance(value, bool | int | float):
        return f'put it in quotes: "{value}"'
    if kind in ("list_type", "tuple_type") and not isinstance(value, dict):
        return "write it in brackets: [a, b]"
    return ""


def _short(value: Any) -> str:
    """A value as YAML would show it, cut to one short line."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return str(value).lower()
    text = value if isinstance(value, str) else _bounded_repr(value)
    text = " ".join(text.split()) or '""'
    return text if len(text) <= 60 else text[:57] + "..."


def _bounded_repr(value: Any) -> str:
    """``repr`` of the beginning of a value: a hostile one may be huge."""
    if isinstance(value, Mapping):
        return "{" + ", ".join(str(key) for key in list(value)[:8]) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(_short(item) for item in list(value)[:8]) + "]"
    return repr(value)


def value_at(data: Any, path: str) -> Any:
    """The value at a dotted path, or ``paths.MISSING``."""
    return get_in(data, parse_path(path))
