"""Changes of single values in a YAML text, made where the value stands so that all other text stays.

Every edit takes the text and its tree and returns a new text. The caller parses the result and takes it only when it
means what was asked for, so a text too clever for these edits is refused, never damaged.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from pathlib import PurePath
from typing import Any

from schemas.emitting import block_lines, entry_lines, inline, is_inline, item_lines
from schemas.nodes import Node
from schemas.paths import MISSING, Part, Parts, delete_in, set_in

Change = tuple[Parts, Any, bool]
"""Where, the new value (MISSING deletes), and whether it is put between two items of a list."""


def with_value(data: dict[str, Any], parts: Parts, value: Any) -> dict[str, Any]:
    """A copy of ``data`` with a value set."""
    result = copy.deepcopy(data)
    set_in(result, parts, plain(value))
    return result


def plain(value: Any) -> Any:
    """A copy of a value as YAML reads it back: dicts, lists and scalars."""
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    return str(value) if isinstance(value, PurePath) else value


def without(data: dict[str, Any], parts: Parts) -> dict[str, Any]:
    """A copy of ``data`` with a key or item removed."""
    result = copy.deepcopy(data)
    delete_in(result, parts)
    return result


def same(left: Any, right: Any) -> bool:
    """Equality that tells true from 1, 1 from 1.0, and finds NaN equal to itself; order of keys does not count."""
    if isinstance(left, dict) and isinstance(right, dict):
        return left.keys() == right.keys() and all(same(value, right[key]) for key, value in left.items())
    if isinstance(left, list | tuple) and isinstance(right, list | tuple):
        return len(left) == len(right) and all(same(*pair) for pair in zip(left, right, strict=True))
    return type(left) is type(right) and (left == right or (left != left and right != right))


def changes(node: Node, old: Any, new: Any, parts: Parts = ()) -> Iterator[Change]:
    """The single edits that turn ``old``, written at ``node``, into ``new``; later ones do not disturb earlier."""
    if same(old, new):
        return
    if not node.flow and node.kind == "map" and isinstance(new, dict) and new and old:
        yield from _map_changes(node, old, new, parts)
    elif not node.flow and node.kind == "list" and isinstance(new, list | tuple) and new and old:
        yield from _list_changes(node, old, list(new), parts)
    else:
        yield parts, new, False


def _map_changes(node: Node, old: dict[str, Any], new: dict[str, Any], parts: Parts) -> Iterator[Change]:
    names = [key.value for key in node.keys]
    for name, item in zip(names, node.items, strict=True):
        if name in new:
            yield from changes(item, old[name], new[name], (*parts, name))
    for name, value in new.items():
        if name not in old:
            yield (*parts, name), value, False
    for name in reversed(names):
        if name not in new:
            yield (*parts, name), MISSING, False


def _list_changes(node: Node, old: list[Any], new: list[Any], parts: Parts) -> Iterator[Change]:
    head = _common(old, new)
    tail = _common(old[head:][::-1], new[head:][::-1])
    before, after = old[head : len(old) - tail], new[head : len(new) - tail]
    paired = min(len(before), len(after))
    for offset in range(paired):
        place = head + offset
        yield from changes(node.items[place], before[offset], after[offset], (*parts, place))
    for place in range(head + len(before) - 1, head + paired - 1, -1):
        yield (*parts, place), MISSING, False
    for offset in range(paired, len(after)):
        yield (*parts, head + offset), after[offset], True


def _common(left: list[Any], right: list[Any]) -> int:
    count = 0
    while count < min(len(left), len(right)) and same(left[count], right[count]):
        count += 1
    return count


def apply_in_place(text: str, root: Node, todo: list[Change]) -> tuple[str, list[Change]]:
    """The text after all changes of values that are there, and the changes that move others, still to be done.

    Done from the end of the text, so that the places before stay where they are.
    """
    places: list[tuple[int, tuple[Node | None, Node], Any]] = []
    rest = []
    for change in todo:
        parts, value, between = change
        found = None if between or value is MISSING else _at(root, parts)
        if found is None:
            rest.append(change)
        else:
            places.append((found[1].start.index, found, value))
    for _, found, value in sorted(places, key=lambda place: place[0], reverse=True):
        text = _replace(text, found, value)
    return text, rest


def _at(root: Node, parts: Parts) -> tuple[Node | None, Node] | None:
    found: tuple[Node | None, Node] | None = (None, root)
    for part in parts:
        found = found[1].child(part) if found else None
    return found


def apply(text: str, root: Node, change: Change) -> str:
    """The text after one change that may move other values."""
    parts, value, between = change
    above = _at(root, parts[:-1])
    assert above is not None, parts
    parent = above[1]
    found = parent.child(parts[-1])
    if value is MISSING:
        assert found is not None, parts
        return _delete(text, parent, parts[-1], found)
    if found is None or between:
        return _insert(text, parent, parts[-1], value)
    return _replace(text, found, value)


def _line_start(text: str, index: int) -> int:
    return text.rfind("\n", 0, index) + 1


def _line_end(text: str, index: int) -> int:
    end = text.find("\n", index)
    return len(text) if end < 0 else end


def _content_end(text: str, node: Node) -> int:
    """End of a value without the line ends a block scalar takes along."""
    end = node.end.index
    while end > node.start.index and text[end - 1] in "\n ":
        end -= 1
    return end


def _replace(text: str, found: tuple[Node | None, Node], value: Any) -> str:
    key, node = found
    start, end = node.start.index, _content_end(text, node)
    if key is None:
        new = inline(value) if is_inline(value) else "\n".join(block_lines(value, node.start.column)).lstrip()
        return text[:start] + (" " if text[start - 1] == "-" else "") + new + text[end:]
    colon = text.index(":", key.end.index) + 1
    inside_flow = is_inline(value)
    if node.kind == "scalar" or node.flow:
        tail = text[end : _line_end(text, end)]
        rest = text[_line_end(text, end) :]
    else:
        tail = text[colon : _line_end(text, colon)]
        rest = text[_line_end(text, end) :]
    if inside_flow:
        return f"{text[:colon]} {inline(value)}{_spaced(tail)}{rest}"
    lines = block_lines(value, key.start.column + 2)
    return "\n".join([text[:colon] + _spaced(tail.rstrip()), *lines]) + rest


def _spaced(tail: str) -> str:
    """A comment behind a value needs a space before it."""
    if not tail.strip():
        return ""
    return tail if tail[0].isspace() else f"  {tail}"


def _insert(text: str, parent: Node, part: Part, value: Any) -> str:
    column = parent.start.column
    if isinstance(part, int):
        lines = item_lines(value, column)
        if part == 0:
            start = _line_start(text, parent.items[0].start.index)
            return text[:start] + "\n".join(lines) + "\n" + text[start:]
        after = parent.items[part - 1]
    else:
        lines = entry_lines(part, value, column)
        after = parent.items[-1]
    end = _line_end(text, _content_end(text, after))
    return text[:end] + "\n" + "\n".join(lines) + (text[end:] or "\n")


def _delete(text: str, parent: Node, part: Part, found: tuple[Node | None, Node]) -> str:
    key, node = found
    start = (key or node).start.index
    first = _line_start(text, start)
    if key is not None and text[first:start].strip():
        following = parent.places[part] + 1
        return text[:start] + text[parent.keys[following].start.index :]
    if key is None:
        first = _line_start(text, text.rindex("-", 0, start)) if start else first
    end = _line_end(text, _content_end(text, node))
    return text[:first] + text[end + 1 :]
