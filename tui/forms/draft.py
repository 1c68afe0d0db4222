"""A configuration being edited: raw values, what is wrong with them, and the way back."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from pydantic import BaseModel

from schemas import ConfigDocument, LtxTrainerConfig
from schemas.errors import FieldProblem
from schemas.legacy import migrate
from schemas.paths import MISSING, delete_in, get_in, parse_path, set_in
from schemas.problems import field_problems
from schemas.rendering import render_yaml

MOST_UNDO: Final = 1000


@dataclass(frozen=True, slots=True)
class Step:
    """One change that can be taken back: where it happened, and everything before and after."""

    path: str
    before: dict[str, Any]
    after: dict[str, Any]


@dataclass(slots=True)
class Draft:
    """The values as typed, valid or not, and every problem of the whole at all times.

    Text that cannot be read as its field's type stays as text, so nothing typed is lost; ``problems`` says so.
    """

    data: dict[str, Any]
    """Replaced, never altered, at each change: ``is`` tells whether anything happened."""
    document: ConfigDocument | None = None
    """The file being edited, with its comments; None for a new configuration."""
    path: Path | None = None
    """Where it is saved."""
    preset: str | None = None
    vram: float | None = None
    """The card in GB that the preset was taken for; None: as published."""
    base: dict[str, Any] | None = None
    """What the preset says, to compare with; None when no preset is known."""
    model: type[BaseModel] = LtxTrainerConfig
    """What is being configured: any pydantic model makes a form."""
    problems: tuple[FieldProblem, ...] = ()
    seen_mtime: int | None = None
    """Modification time of the file (ns) when it was last read or written here."""
    _saved: dict[str, Any] = field(default_factory=dict)
    _undo: list[Step] = field(default_factory=list)
    _redo: list[Step] = field(default_factory=list)

    @classmethod
    def new(
        cls,
        data: Mapping[str, Any],
        *,
        preset: str | None = None,
        vram: float | None = None,
        path: Path | None = None,
        model: type[BaseModel] = LtxTrainerConfig,
    ) -> Draft:
        """A draft of a configuration that is in no file yet; with a ``preset``, ``data`` is what it says."""
        draft = cls(copy.deepcopy(dict(data)), path=path, preset=preset, vram=vram, model=model)
        draft.base = draft.data if preset is not None else None
        draft._check()
        return draft

    @classmethod
    def open(cls, path: Path) -> Draft:
        """A draft of a file, whose values may be wrong. Raises ConfigError when it is no YAML at all."""
        document = ConfigDocument.read(path)
        draft = cls(document.data(), document=document, path=path, seen_mtime=_mtime(path))
        draft._saved = copy.deepcopy(draft.data)
        draft._check()
        return draft

    # ---------------------------------------------------------------- looking

    def get(self, path: str) -> Any:
        """The value as typed; MISSING when the file would not mention it."""
        return get_in(self.data, parse_path(path))

    def problems_at(self, path: str) -> tuple[FieldProblem, ...]:
        """Problems of exactly this field."""
        return tuple(problem for problem in self.problems if problem.path == path)

    def problems_below(self, path: str) -> int:
        """How many problems a field and everything inside it has."""
        return sum(1 for problem in self.problems if inside(problem.path, path))

    @property
    def dirty(self) -> bool:
        """Whether anything differs from what is saved."""
        return self.document is None or not same(self.data, self._saved)

    @property
    def only_respelled(self) -> bool:
        """Whether all that differs from the file is the spelling of older keys, read as current ones."""
        return self.document is not None and same(migrate(self._saved).data, self.data)

    @property
    def can_undo(self) -> bool:
        return bool(self._undo)

    @property
    def can_redo(self) -> bool:
        return bool(self._redo)

    @property
    def start(self) -> dict[str, Any] | None:
        """What to compare with beside the defaults: the preset, else the file; None: neither is known."""
        return self.base if self.base is not None else self._saved if self.document is not None else None

    def trial(self, path: str, value: Any) -> tuple[FieldProblem, ...]:
        """The problems there would be with another value, without changing anything."""
        data = copy.deepcopy(self.data)
        set_in(data, parse_path(path), value)
        return field_problems(data, self.model)

    # ---------------------------------------------------------------- changing

    def set(self, path: str, value: Any) -> bool:
        """Put a value at a path, making missing sections; whether anything changed."""
        return self._change(path, lambda data: set_in(data, parse_path(path), copy.deepcopy(value)))

    def reset(self, path: str) -> bool:
        """Take a value out, so that the default holds; whether anything changed."""
        return self._change(path, lambda data: delete_in(data, parse_path(path)))

    def insert(self, path: str, index: int, value: Any) -> bool:
        """Put an item into the list at ``path``, which may be missing."""

        def edit(data: dict[str, Any]) -> None:
            items = get_in(data, parse_path(path))
            if not isinstance(items, list):
                items = []
                set_in(data, parse_path(path), items)
            items.insert(index, copy.deepcopy(value))

        return self._change(f"{path}[{index}]", edit)

    def remove(self, path: str, index: int) -> bool:
        """Take an item out of the list at ``path``."""
        return self._change(path, lambda data: delete_in(data, (*parse_path(path), index)))

    def move(self, path: str, index: int, to: int) -> bool:
        """Move an item of the list at ``path`` to another place; nothing happens at the ends."""
        items = self.get(path)
        if not isinstance(items, list) or not (0 <= index < len(items) and 0 <= to < len(items)):
            return False

        def edit(data: dict[str, Any]) -> None:
            inside: list[Any] = get_in(data, parse_path(path))
            inside.insert(to, inside.pop(index))

        return self._change(f"{path}[{to}]", edit)

    def migrate(self, data: Mapping[str, Any]) -> bool:
        """Take over the same configuration in current keys, as one step; whether anything changed."""

        def edit(old: dict[str, Any]) -> None:
            old.clear()
            old.update(copy.deepcopy(dict(data)))

        return self._change("", edit)

    def undo(self) -> str | None:
        """Take the last change back; the path where it happened, None when there is nothing to take back."""
        return self._travel(self._undo, self._redo, back=True)

    def redo(self) -> str | None:
        """Do again what was taken back."""
        return self._travel(self._redo, self._undo, back=False)

    # ---------------------------------------------------------------- saving

    def render(self) -> ConfigDocument:
        """The YAML text as it would be saved: the file's own comments and order, or a complete commented new one.

        Raises ConfigError when a change cannot be made in place in the user's text.
        """
        if self.document is None:
            return ConfigDocument(render_yaml(self.data, preset=self.preset, vram=self.vram, model=self.model))
        document = ConfigDocument(self.document.dump(), self.document.path)
        if same(migrate(self.data).data, self.data):
            document.upgrade()  # older keys that are gone from the draft leave their comments behind
        document.update(self.data)
        return document

    def newer_on_disk(self, path: Path) -> bool:
        """Whether saving to ``path`` would replace something this draft does not know."""
        found = _mtime(path)
        if found is None:
            return False
        same_file = self.path is not None and path.absolute() == self.path.absolute()
        return not same_file or found != self.seen_mtime

    def save(self, path: Path) -> None:
        """Write the file at once or not at all. Raises ConfigError or EnvironmentFault."""
        document = self.render()
        document.write(path)
        self.document, self.path, self.seen_mtime = document, path, _mtime(path)
        self._saved = copy.deepcopy(self.data)

    # ---------------------------------------------------------------- inside

    def _change(self, path: str, edit: Callable[[dict[str, Any]], object]) -> bool:
        after = copy.deepcopy(self.data)
        edit(after)
        if same(after, self.data):
            return False
        self._undo.append(Step(path, self.data, after))
        del self._undo[:-MOST_UNDO]
        self._redo.clear()
        self.data = after
        self._check()
        return True

    def _travel(self, source: list[Step], target: list[Step], *, back: bool) -> str | None:
        if not source:
            return None
        step = source.pop()
        target.append(step)
        self.data = step.before if back else step.after
        self._check()
        return step.path

    def _check(self) -> None:
        self.problems = field_problems(self.data, self.model)


def same(left: Any, right: Any) -> bool:
    """Equal in value and in type all the way down: 1 is not 1.0 and not true, as in the file."""
    if type(left) is not type(right):
        return False
    if isinstance(left, dict):
        return left.keys() == right.keys() and all(same(left[key], right[key]) for key in left)
    if isinstance(left, list):
        return len(left) == len(right) and all(same(a, b) for a, b in zip(left, right, strict=True))
    return bool(left == right) or (left != left and right != right)


def equal(left: Any, right: Any) -> bool:
    """The same setting: 1 is 1.0 here, but never true."""
    return same(_comparable(left), _comparable(right))


def _comparable(value: Any) -> Any:
    if isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if isinstance(value, Mapping):
        return {key: _comparable(item) for key, item in value.items()}
    return [_comparable(item) for item in value] if isinstance(value, list | tuple) else value


def inside(path: str, section: str) -> bool:
    """Whether ``path`` is ``section`` or something in it; everything is in the whole, whose path is empty."""
    return not section or path == section or path.startswith((section + ".", section + "["))


def _mtime(path: Path) -> int | None:
    try:
        return path.stat().st_mtime_ns
    except OSError:
        return None


__all__ = ["MISSING", "Draft", "Step", "equal", "inside", "same"]
