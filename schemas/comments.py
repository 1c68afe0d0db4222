"""Hand-written comments of values that go away: they are kept, above the place where the value stood."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from schemas.nodes import Node

_COMMENT: Final = re.compile(r"(?:^|(?<=\s))#[ \t]?(.*)$", re.MULTILINE)


def with_kept_comments(text: str, root: Node, wanted: Mapping[str, Any]) -> str:
    """``text`` with the comments of every key that ``wanted`` no longer holds on lines of their own above the key.

    Looks at the keys of the file's sections; a comment names the key it belonged to.
    """
    places: list[tuple[int, str]] = []
    for name, section in zip(root.keys, root.items, strict=True):
        kept = wanted.get(name.value)
        if section.kind != "map" or section.flow or not isinstance(kept, Mapping):
            continue
        for key, node in zip(section.keys, section.items, strict=True):
            start = text.rfind("\n", 0, key.start.index) + 1
            if key.value not in kept and not text[start : key.start.index].strip():
                lines = [
                    f"{' ' * key.start.column}# {key.value}: {comment}\n" for comment in _comments(text, key, node)
                ]
                places.append((start, "".join(lines)))
    for start, said in sorted(places, reverse=True):
        text = text[:start] + said + text[start:]
    return text


def _comments(text: str, key: Node, node: Node) -> list[str]:
    """What is said behind a key and its value and between its parts."""
    start, end = key.start.index, max(key.end.index, node.end.index)
    while end > key.end.index and text[end - 1] in "\n ":
        end -= 1
    stop = text.find("\n", end)
    plain = list(text[start : len(text) if stop < 0 else stop])
    for first, last in ((key.start.index, key.end.index), *_spans(node)):
        # A number sign inside a value starts no comment.
        plain[first - start : last - start] = "x" * (min(last - start, len(plain)) - (first - start))
    return [match[1].strip() for match in _COMMENT.finditer("".join(plain)) if match[1].strip()]


def _spans(node: Node) -> Iterator[tuple[int, int]]:
    if node.kind == "scalar":
        yield node.start.index, node.end.index
    for part in (*node.keys, *node.items):
        yield from _spans(part)
