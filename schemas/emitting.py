"""Plain values as YAML text."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from schemas.scalars import write_scalar

_STEP = 2


def is_inline(value: Any) -> bool:
    """Whether a value is written on the line of its key: scalars, empty collections, lists of numbers."""
    if isinstance(value, Mapping):
        return not value
    if isinstance(value, list | tuple):
        return all(isinstance(item, int | float) for item in value)
    return True


def inline(value: Any, *, plain: bool = False) -> str:
    """One line of YAML in flow style; raises TypeError for what no configuration holds."""
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{_key(key)}: {inline(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(inline(item) for item in value) + "]"
    return write_scalar(value, plain=plain)


def _key(key: Any) -> str:
    if not isinstance(key, str):
        raise TypeError(f"a key must be text, not {type(key).__name__}")
    return write_scalar(key, plain=True)


def entry_lines(key: str, value: Any, indent: int) -> list[str]:
    """A key and its value as lines of a block."""
    head = " " * indent + _key(key) + ":"
    return [f"{head} {inline(value)}"] if is_inline(value) else [head, *block_lines(value, indent + _STEP)]


def item_lines(value: Any, indent: int) -> list[str]:
    """A list item as lines of a block, dash first."""
    if is_inline(value):
        return [f"{' ' * indent}- {inline(value)}"]
    lines = block_lines(value, indent + _STEP)
    return [" " * indent + "- " + lines[0].lstrip(), *lines[1:]]


def block_lines(value: Any, indent: int) -> list[str]:
    """A collection as lines of a block."""
    if isinstance(value, Mapping):
        return [line for key, item in value.items() for line in entry_lines(key, item, indent)]
    return [line for item in value for line in item_lines(item, indent)]
