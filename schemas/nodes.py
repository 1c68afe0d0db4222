"""A YAML text as a tree that knows where each value stands.

ruamel splits the text into events; the tree is built here, so that everything a hostile or broken file can hold
(duplicate keys, tags, alias bombs, endless nesting, huge numbers) ends in one ConfigError with line and column.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Literal, NoReturn

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError, YAMLStreamError
from ruamel.yaml.events import (
    AliasEvent,
    CollectionStartEvent,
    DocumentStartEvent,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
)

from schemas.errors import ConfigError, Location
from schemas.paths import Part, format_path
from schemas.scalars import read_plain

MAX_DEPTH: Final = 32
MAX_NODES: Final = 20_000
"""Values in a file, those behind aliases counted each time they are used."""
_PARSER_FAULTS: Final = (
    YAMLError,
    YAMLStreamError,
    ValueError,
    TypeError,
    ArithmeticError,
    AttributeError,
    LookupError,
    AssertionError,
)
"""What ruamel has been seen to raise on broken text."""


@dataclass(slots=True, frozen=True)
class Mark:
    """A place in the text."""

    index: int
    line: int
    """0-based."""
    column: int
    """0-based."""


@dataclass(slots=True)
class Node:
    """One value and the span of text it stands in."""

    kind: Literal["scalar", "map", "list"]
    start: Mark
    end: Mark
    """Of a block collection: the end of its last value."""
    flow: bool = False
    value: Any = None
    """Of a scalar."""
    keys: list[Node] = field(default_factory=list)
    """Of a map."""
    items: list[Node] = field(default_factory=list)
    """Of a map: the values; of a list: the items."""
    shared: bool = False
    """Behind an alias: an edit here would change the value in two places."""
    size: int = 1
    places: dict[Part, int] = field(default_factory=dict)
    """Of a map: where each key is in ``items``."""

    def data(self) -> Any:
        """The plain value."""
        if self.kind == "scalar":
            return self.value
        if self.kind == "list":
            return [item.data() for item in self.items]
        return {key.value: item.data() for key, item in zip(self.keys, self.items, strict=True)}

    def child(self, part: Part) -> tuple[Node | None, Node] | None:
        """Key node (of a map) and value node of one step down."""
        if self.kind == "map" and part in self.places:
            place = self.places[part]
            return self.keys[place], self.items[place]
        if self.kind == "list" and isinstance(part, int) and part < len(self.items):
            return None, self.items[part]
        return None


class _Builder:
    """Builds one tree from ruamel's events."""

    def __init__(self, text: str, path: Path | None) -> None:
        self.text = text
        self.path = path
        self.anchors: dict[str, Node] = {}
        self.open: list[Part] = []

    def fail(self, message: str, mark: Any, *, why: str = "", hint: str = "", key: str = "") -> NoReturn:
        where = Location(self.path, mark.line + 1, mark.column + 1, key or format_path(self.open) or None)
        raise ConfigError(message, where=where, why=why, hint=hint)

    def build(self) -> Node | None:
        """The only document of the text; None when it holds nothing."""
        events = iter(YAML(typ="safe", pure=True).parse(self.text))
        root: Node | None = None
        documents = 0
        for event in events:
            if isinstance(event, DocumentStartEvent):
                documents += 1
                if documents > 1:
                    self.fail("a second document starts here", event.start_mark, hint="keep one: delete the ---")
                root = self.node(next(events), events)
        return root

    def node(self, event: Any, events: Iterator[Any]) -> Node:
        if isinstance(event, AliasEvent):
            return self.alias(event)
        tag = event.tag
        if (tag is not None and not str(tag).startswith("tag:yaml.org,2002:")) or "python" in str(tag):
            self.fail(
                f"the tag {str(tag).replace('tag:yaml.org,2002:', '!!')} is not read",
                event.start_mark,
                why="a tag asks for a program object; a configuration holds plain values",
                hint="delete the tag: a list in brackets and plain text need none",
            )
        node = self.scalar(event) if isinstance(event, ScalarEvent) else self.collection(event, events)
        if event.anchor is not None:
            self.anchors[event.anchor] = node
        return node

    def alias(self, event: Any) -> Node:
        target = self.anchors.get(event.anchor)
        if target is None:
            self.fail(
                f"*{event.anchor} stands for nothing", event.start_mark, hint=f"mark a value above with &{event.anchor}"
            )
        _share(target)
        return Node(
            target.kind, _mark(event.start_mark), _mark(event.end_mark), True, target.value, target.keys, target.items,
            True, target.size, target.places,
        )  # fmt: skip

    def scalar(self, event: Any) -> Node:
        value = event.value
        if any("\ud800" <= character <= "\udfff" for character in value):
            self.fail("half of a character", event.start_mark, hint="write characters beyond \\uFFFF as \\UXXXXXXXX")
        if event.implicit[0] and event.style is None and event.tag is None:
            try:
                value = read_plain(event.value)
            except ValueError as error:
                self.fail(f"{error} is too long", event.start_mark, hint="no setting needs more than 20 digits")
        elif event.tag is not None and not str(event.tag).endswith((":str", "!")):
            value = self.tagged(event)
        return Node("scalar", _mark(event.start_mark), _mark(event.end_mark), event.style is not None, value)

    def tagged(self, event: Any) -> Any:
        try:
            return read_plain(event.value)
        except ValueError as error:
            self.fail(f"{error} is too long", event.start_mark)

    def collection(self, event: CollectionStartEvent, events: Iterator[Any]) -> Node:
        if len(self.open) >= MAX_DEPTH:
            self.fail(f"nested deeper than {MAX_DEPTH} levels", event.start_mark, hint="a configuration needs 6")
        is_map = isinstance(event, MappingStartEvent)
        node = Node(
            "map" if is_map else "list", _mark(event.start_mark), _mark(event.start_mark), bool(event.flow_style)
        )
        for inner in events:
            if isinstance(inner, MappingEndEvent | SequenceEndEvent):
                if node.flow or not node.items:
                    node.end = _mark(inner.end_mark if node.flow else event.end_mark)
                return node
            if is_map:
                self.entry(node, self.node(inner, events), events)
            else:
                self.add(node, len(node.items), next_node=inner, events=events)
        raise AssertionError("the parser closes what it opens, or raises")

    def entry(self, node: Node, key: Node, events: Iterator[Any]) -> None:
        if key.kind != "scalar" or not isinstance(key.value, str):
            self.fail("a key must be text", key.start, hint="put it in quotes")
        if key.value == "<<":
            self.fail(
                "merge keys (<<) are not read",
                key.start,
                why="YAML 1.2 has none",
                hint="write the keys out where they belong",
            )
        before = node.child(key.value)
        if before is not None and before[0] is not None:
            self.fail(
                f"the key {key.value} stands here for the second time",
                key.start,
                why=f"the first is in line {before[0].start.line + 1}; a reader would take only one of them",
                hint="delete one of the two",
                key=format_path([*self.open, key.value]),
            )
        node.places[key.value] = len(node.keys)
        node.keys.append(key)
        self.add(node, key.value, next_node=next(events), events=events)

    def add(self, node: Node, part: Part, *, next_node: Any, events: Iterator[Any]) -> None:
        self.open.append(part)
        item = self.node(next_node, events)
        if not node.flow and item.kind == "scalar" and item.value is None and item.start == item.end:
            item.start = item.end = self.empty_place(node)
        node.items.append(item)
        node.size += item.size
        if node.size > MAX_NODES:
            self.fail(
                f"more than {MAX_NODES} values", item.start, why="aliases are counted each time they are used",
                hint="write fewer values, without aliases of aliases",
            )  # fmt: skip
        self.open.pop()
        node.end = item.end

    def empty_place(self, node: Node) -> Mark:
        """Where a value left out would stand: behind its colon or dash. ruamel points to whatever comes next."""
        if node.kind == "map":
            key = node.keys[-1]
            index = self.text.find(":", key.end.index) + 1
            return Mark(index, key.end.line, key.end.column + index - key.end.index)
        index = self.text.find("\n", node.items[-1].end.index) + 1 if node.items else node.start.index
        dash = re.compile(rf"^ {{{node.start.column}}}-", re.MULTILINE).search(self.text, index)
        index = dash.end() if dash and node.items else node.start.index + 1
        line_start = self.text.rfind("\n", 0, index) + 1
        return Mark(index, self.text.count("\n", 0, index), index - line_start)


def _share(node: Node) -> None:
    node.shared = True
    for item in node.items:
        _share(item)


def _mark(mark: Any) -> Mark:
    return Mark(mark.index, mark.line, mark.column)


def parse(text: str, path: Path | None = None) -> Node | None:
    """The tree of a text, None for one without a value; raises ConfigError with line and column."""
    builder = _Builder(text, path)
    try:
        return builder.build()
    except ConfigError:
        raise
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        message = " ".join(str(part) for part in (error.context, error.problem) if part) or "not YAML"
        where = Location(path, mark.line + 1, mark.column + 1) if mark else Location(path)
        raise ConfigError(message, where=where, hint=_syntax_hint(message)) from error
    except _PARSER_FAULTS as error:
        raise ConfigError(f"not YAML: {error}", where=Location(path), hint="check quotes and indentation") from error


def _syntax_hint(message: str) -> str:
    if r"'\t'" in message or "tab" in message:
        return "indent with spaces: YAML allows no tabs"
    if "mapping values are not allowed" in message:
        return "put text with a colon in quotes, and check the indentation"
    return "check quotes, brackets and indentation here and in the line above"
