"""Values as text and back: what a cell shows, what an editor starts with, what typed text means."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Any, Final

from schemas import ConfigDocument
from schemas.emitting import block_lines
from schemas.errors import ConfigError
from schemas.paths import MISSING
from schemas.spec import FieldSpec
from tui.forms.rows import Row

NUMBER: Final = re.compile(r"[-+]?(\d[\d_]*\.?\d*|\.\d+)([eE][-+]?\d+)?")
WHOLE: Final = re.compile(r"[-+]?\d[\d_]*")
SEPARATORS: Final = re.compile(r"[\s,;x×]+")


def shown(row: Row) -> str:
    """The value as one line of a cell."""
    spec, value = row.spec, row.value
    if row.kind == "list":
        count = len(value) if isinstance(value, list) else 0
        return (
            f"{count} {'item' if count == 1 else 'items'}" if isinstance(value, list) or value is None else str(value)
        )
    if row.kind == "section":
        return "off (null)" if value is None else "on" if isinstance(value, Mapping) else str(value)
    if row.kind == "union":
        return row.variant.tag if row.variant is not None else "off (null)" if value is None else plain(value)
    if row.kind == "item":
        return _summary(value, spec.discriminator if spec else "")
    text = plain(value)
    if spec is not None and spec.unit and isinstance(value, int | float) and not isinstance(value, bool):
        return f"{text} {spec.unit}"
    return text


def plain(value: Any) -> str:
    """A value as a person writes it: bare words, ``null``, ``true``; lists in brackets."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return f"{value:g}" if float(f"{value:g}") == value else repr(value)
    if isinstance(value, list | tuple):
        return "[" + ", ".join(plain(item) for item in value) + "]"
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{key}: {plain(item)}" for key, item in value.items()) + "}"
    return str(value)


def is_numbers(spec: FieldSpec | None, value: Any) -> bool:
    """Whether a value is a list of numbers, which is edited on one line."""
    if spec is None or spec.kind != "list" or spec.item is None or spec.item.kind not in ("int", "float"):
        return False
    return value is None or (isinstance(value, list) and all(isinstance(item, int | float) for item in value))


def editable(spec: FieldSpec | None, value: Any) -> str:
    """The text an editor starts with."""
    kind = spec.kind if spec is not None else "dict"
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    if kind == "tuple" and isinstance(value, list | tuple):
        return " ".join(plain(item) for item in value)
    if is_numbers(spec, value):
        return ", ".join(plain(item) for item in value)
    if kind == "list" and isinstance(value, list):
        return "\n".join(plain(item) for item in value)
    if isinstance(value, Mapping | list):
        return "\n".join(block_lines(value, 0)) if value else ""
    return plain(value)


def parse(spec: FieldSpec | None, text: str) -> Any:
    """What typed text means for a field. Text that does not read as its type is kept as it is."""
    kind = spec.kind if spec is not None else "dict"
    bare = text.strip()
    nullable = spec is None or spec.nullable
    if bare == "null" and nullable:
        return None
    if kind in ("str", "text", "path", "choice"):
        return None if not bare and nullable and kind != "text" else text.rstrip("\n") if kind == "text" else bare
    if not bare:
        return _nothing(kind, nullable)
    return _PARSERS.get(kind, _yaml)(spec, bare)


def _nothing(kind: str, nullable: bool) -> Any:
    if nullable:
        return None
    return {"list": [], "dict": {}}.get(kind, "")


def _bool(_spec: FieldSpec | None, text: str) -> Any:
    return {"true": True, "yes": True, "on": True, "false": False, "no": False, "off": False}.get(text.lower(), text)


def _int(_spec: FieldSpec | None, text: str) -> Any:
    return int(text) if WHOLE.fullmatch(text) and len(text) <= 20 else _float(None, text)


def _float(_spec: FieldSpec | None, text: str) -> Any:
    if not NUMBER.fullmatch(text):
        return text
    value = float(text)
    return value if math.isfinite(value) else text


def _tuple(spec: FieldSpec | None, text: str) -> Any:
    parts = [part for part in SEPARATORS.split(text.strip("[]() ")) if part]
    return [_item(spec, part) for part in parts]


def _list(spec: FieldSpec | None, text: str) -> Any:
    """Numbers with anything between them, everything else one a line."""
    if spec is not None and spec.item is not None and spec.item.kind in ("int", "float"):
        return _tuple(spec, text)
    return [_item(spec, line.strip()) for line in text.splitlines() if line.strip()]


def _item(spec: FieldSpec | None, text: str) -> Any:
    return parse(spec.item, text) if spec is not None and spec.item is not None else text


def _yaml(_spec: FieldSpec | None, text: str) -> Any:
    """Any value written as YAML; text that is no YAML stays text."""
    indented = "\n".join("  " + line for line in text.splitlines())
    try:
        return ConfigDocument.from_text(f"value:\n{indented}\n").data()["value"]
    except ConfigError:
        return text


_PARSERS: Final = {"bool": _bool, "int": _int, "float": _float, "tuple": _tuple, "list": _list}


def bumped(spec: FieldSpec, value: Any, step: int) -> Any:
    """The next value up or down: other truth, next choice, next number; MISSING when there is no next one."""
    if spec.kind == "bool":
        return not value if isinstance(value, bool) else True
    if spec.kind == "choice":
        options = [*spec.choices, None] if spec.nullable else list(spec.choices)
        index = options.index(value) if value in options else -1 if step > 0 else 0
        return options[(index + step) % len(options)]
    if spec.kind in ("int", "float") and isinstance(value, int | float) and not isinstance(value, bool):
        return _clamped(spec, _next_number(spec, value, step))
    return MISSING


def _next_number(spec: FieldSpec, value: float, step: int) -> float:
    """Whole numbers by a round step of their size; shares by 0.05; small numbers along 1, 2, 5."""
    if spec.kind == "int":
        size = 1 if abs(value) < 20 else 10 ** (len(str(abs(int(value)))) - 2)
        return int(value) + step * size
    if abs(value) >= 0.05 or value == 0:
        return round(value + step * (0.05 if spec.le == 1 else 0.1), 6)
    ladder = [base * 10.0**power for power in range(-9, 1) for base in (1, 2, 5)]
    if step > 0:
        found = next((rung for rung in ladder if rung > value * 1.0001), value)
    else:
        found = next((rung for rung in reversed(ladder) if rung < value * 0.9999), value)
    return float(f"{found:.6g}")


def _clamped(spec: FieldSpec, value: float) -> float:
    if spec.ge is not None and value < spec.ge:
        return int(spec.ge) if spec.kind == "int" else spec.ge
    if spec.le is not None and value > spec.le:
        return int(spec.le) if spec.kind == "int" else spec.le
    return value


def _summary(value: Any, discriminator: str) -> str:
    """An item of a list in a few words."""
    if not isinstance(value, Mapping):
        return plain(value)
    parts = [
        inside if key == "prompt" else f"{key} {plain(inside)}"
        for key, inside in value.items()
        if key != discriminator and not isinstance(inside, list | Mapping) and inside is not None
    ]
    return ", ".join(parts) or "-"


__all__ = ["bumped", "editable", "is_numbers", "parse", "plain", "shown"]
