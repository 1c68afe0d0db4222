"""Dotted paths into a configuration: ``validation.samples[0].prompt``."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

from schemas.errors import ConfigError

Part = str | int
Parts = tuple[Part, ...]
MISSING: Final = object()
"""What :func:`get_in` returns for a path that leads nowhere."""
_TOKEN = re.compile(r"([^.\[\]]+)|\[(\d{1,9})\]|(\.)")


def parse_path(path: str) -> Parts:
    """Split a dotted path into keys and list indexes; raises ConfigError when it is malformed."""
    parts: list[Part] = []
    position, expects_key = 0, True
    while position < len(path):
        match = _TOKEN.match(path, position)
        key, index, dot = match.groups() if match else (None, None, None)
        if match is None or (key is None) == expects_key:
            break
        if dot is None:
            parts.append(int(index) if index is not None else str(key))
        expects_key = dot is not None
        position = match.end()
    if position < len(path) or (path and expects_key):
        raise ConfigError(
            f"{path!r} is not a path", hint="write it as optimization.steps or validation.samples[0].prompt"
        )
    return tuple(parts)


def format_path(parts: Sequence[Part]) -> str:
    """The dotted spelling of keys and list indexes."""
    text = ""
    for part in parts:
        text += f"[{part}]" if isinstance(part, int) else (f".{part}" if text else part)
    return text


def join(path: str, below: str) -> str:
    """``below`` under ``path``; either may be empty."""
    if not path or not below:
        return path or below
    return path + below if below.startswith("[") else f"{path}.{below}"


def get_in(data: Any, parts: Sequence[Part], default: Any = MISSING) -> Any:
    """The value at a path, or ``default``."""
    for part in parts:
        if isinstance(data, Mapping) and part in data:  # noqa: SIM114 - one branch per container keeps the types
            data = data[part]
        elif isinstance(data, list | tuple) and isinstance(part, int) and part < len(data):
            data = data[part]
        else:
            return default
    return data


def set_in(data: Any, parts: Sequence[Part], value: Any) -> None:
    """Put ``value`` at a path of plain dicts and lists, making missing sections; an index may append.

    Raises ConfigError when the path runs through a value that holds nothing, or past the end of a list.
    """
    for position, part in enumerate(parts):
        last = position == len(parts) - 1
        following: Any = value if last else ([] if isinstance(parts[position + 1], int) else {})
        where = format_path(parts[: position + 1])
        if isinstance(data, dict) and isinstance(part, str):
            if last or data.get(part) is None:
                data[part] = following
            data = data[part]
        elif isinstance(data, list) and isinstance(part, int):
            data = _set_item(data, part, following, replace=last, where=where)
        else:
            kind = "a list" if isinstance(part, int) else "a section"
            raise ConfigError(f"{format_path(parts[:position]) or 'the file'} is not {kind}", where=where)


def _set_item(items: list[Any], index: int, value: Any, *, replace: bool, where: str) -> Any:
    if index > len(items):
        raise ConfigError("the list is shorter", where=where, hint=f"the next item is [{len(items)}]")
    if index == len(items):
        items.append(value)
    elif replace:
        items[index] = value
    return items[index]


def delete_in(data: Any, parts: Sequence[Part]) -> bool:
    """Remove the key or list item at a path; whether it was there."""
    parent = get_in(data, parts[:-1])
    last = parts[-1]
    if isinstance(parent, dict) and last in parent:
        del parent[last]
        return True
    if isinstance(parent, list) and isinstance(last, int) and last < len(parent):
        del parent[last]
        return True
    return False
