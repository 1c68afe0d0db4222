"""A configuration file that is edited: values change, hand-written comments and order stay."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from schemas import editing
from schemas.comments import with_kept_comments
from schemas.errors import ConfigError, EnvironmentFault, FieldProblem, Location
from schemas.extensions import without_unchanged
from schemas.legacy import Note, migrate
from schemas.nodes import Mark, Node, parse
from schemas.paths import MISSING, Parts, get_in, parse_path
from schemas.reading import clean, read_text
from schemas.rendering import render_yaml


class ConfigDocument:
    """One YAML text and its values, kept in step."""

    def __init__(self, text: str, path: Path | None = None) -> None:
        """Raises ConfigError, with line and column, when the text is not one section of keys."""
        self.path = path
        self._text = clean(text, path)
        self._node = _mapping(self._text, path)

    @classmethod
    def read(cls, path: Path | str) -> ConfigDocument:
        """From a file."""
        return cls(read_text(Path(path)), Path(path))

    @classmethod
    def from_text(cls, text: str) -> ConfigDocument:
        """From YAML text."""
        return cls(text)

    @classmethod
    def from_data(cls, data: Mapping[str, Any], *, preset: str | None = None) -> ConfigDocument:
        """A new, fully commented document holding ``data``."""
        return cls(render_yaml(data, preset=preset))

    def data(self) -> dict[str, Any]:
        """All values as plain dicts, lists and scalars; a copy."""
        values: dict[str, Any] = self._node.data()
        return values

    def get(self, path: str, default: Any = None) -> Any:
        """The value at a dotted path."""
        return get_in(self.data(), parse_path(path), default)

    def set(self, path: str, value: Any) -> None:
        """Write a value at a dotted path, making missing sections; comments and order stay.

        Raises ConfigError when the path does not fit the document or runs through a YAML alias.
        """
        parts = _named(path)
        self._become(editing.with_value(self.data(), parts, value), path)

    def delete(self, path: str) -> bool:
        """Remove a key or list item; whether it was there."""
        parts = _named(path)
        if get_in(self.data(), parts) is MISSING:
            return False
        self._become(editing.without(self.data(), parts), path)
        return True

    def update(self, data: Mapping[str, Any]) -> None:
        """Make the document hold exactly ``data``, touching only what differs."""
        self._become(editing.plain(data), "")

    def upgrade(self) -> tuple[Note, ...]:
        """Rewrite keys of older generations as current ones; what was changed. Comments of retired keys stay."""
        migration = migrate(self.data())
        if migration.notes and not migration.problems:
            wanted = editing.plain(migration.data)
            commented = ConfigDocument(with_kept_comments(self._text, self._node, wanted), self.path)
            commented._become(wanted, "")
            self._text, self._node = commented._text, commented._node
        return tuple(migration.notes)

    def _become(self, wanted: dict[str, Any], key: str) -> None:
        """Edit the text, one change at a time, and take it only when it means exactly what was asked for."""
        text, node = self._text, self._node
        wanted = without_unchanged(wanted)
        try:
            text, rest = editing.apply_in_place(text, node, list(editing.changes(node, node.data(), wanted)))
            node = _mapping(clean(text, self.path), self.path)
            for change in rest:
                text = editing.apply(text, node, change)
                node = _mapping(clean(text, self.path), self.path)
            done = editing.same(node.data(), wanted)
        except (ConfigError, AssertionError, LookupError, ValueError):
            done = False
        if not done:
            raise ConfigError(
                "this value cannot be changed in place",
                where=Location(self.path, key=key or None),
                why="the file is written in a way that the edit would change something else too",
                hint="edit this line by hand; YAML aliases are the usual reason",
            )
        self._text, self._node = text, node

    def dump(self) -> str:
        """The text."""
        return self._text

    def write(self, path: Path | str | None = None) -> Path:
        """Replace the file atomically: a reader or a crash sees the old text or the new one; returns its path.

        Raises EnvironmentFault when it cannot be written.
        """
        target = Path(path) if path is not None else self.path
        if target is None:
            raise ConfigError("the document has no file yet", hint="give a path to write to")
        write_text_atomic(target, self._text)
        self.path = target
        return target

    def position(self, path: str) -> tuple[int, int] | None:
        """1-based line and column of a path, or of the nearest section above it; None for an empty document."""
        node, mark = self._node, None
        while path:
            found = _step_down(node, path)
            if found is None:
                break
            mark, node, path = found
        return (mark.line + 1, mark.column + 1) if mark is not None else None

    def located(self, problems: tuple[FieldProblem, ...]) -> tuple[FieldProblem, ...]:
        """The same problems with line and column."""
        return tuple(self._located(problem) for problem in problems)

    def _located(self, problem: FieldProblem) -> FieldProblem:
        spot = self.position(problem.path)
        line, column = spot if spot else (None, None)
        return replace(problem, line=line, column=column)


def _step_down(node: Node, path: str) -> tuple[Mark, Node, str] | None:
    """The first step of a path: where it stands, what is there, and the rest of the path.

    Unlike ``parse_path`` it finds keys that no field has, such as ``a.b`` and ``x]``: they are what a problem is about.
    """
    path = path.removeprefix(".")
    if node.kind == "list":
        match = re.match(r"\[(\d{1,9})\]", path)
        found = node.child(int(match[1])) if match else None
        return (found[1].start, found[1], path[match.end() :]) if match and found else None
    begun = [key for key in node.keys if path.startswith(key.value) and path[len(key.value) :][:1] in ("", ".", "[")]
    if not begun:
        return None
    key = max(begun, key=lambda found: len(found.value))
    return key.start, node.items[node.places[key.value]], path[len(key.value) :]


def _named(path: str) -> Parts:
    parts = parse_path(path)
    if not parts:
        raise ConfigError("no path given", hint="name a field, as optimization.steps")
    return parts


def _mapping(text: str, path: Path | None) -> Node:
    node = parse(text, path)
    if node is None or (node.kind == "scalar" and node.value is None):
        raise ConfigError(
            "the file holds no configuration", where=Location(path), hint="make one: ltx2-wizard init --preset t2v_lora"
        )
    if node.kind != "map":
        what = "a list" if node.kind == "list" else "a single value"
        where = Location(path, node.start.line + 1, node.start.column + 1)
        raise ConfigError(f"the file holds {what}, not sections of keys", where=where, hint="start with model:")
    return node


def write_text_atomic(path: Path, text: str) -> None:
    """Write a small file so that only the old or the new content can ever be seen.

    Raises EnvironmentFault naming the file.
    """
    path = path.resolve() if path.is_symlink() else path
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o666)
        try:
            with os.fdopen(handle, "w", encoding="utf-8", newline="\n") as file:
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
            if path.exists():
                temporary.chmod(path.stat().st_mode & 0o777)
            temporary.replace(path)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
    except OSError as error:
        reason = error.strerror or str(error)
        hint = "check the directory, its rights and free space"
        raise EnvironmentFault(f"cannot be written: {reason}", where=path, hint=hint) from error
