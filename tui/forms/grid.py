"""Which rows of a draft are in sight, and how one of them is written."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal

from schemas.errors import FieldProblem
from tui.forms.draft import Draft, inside
from tui.forms.rows import Row, build_rows
from tui.forms.values import shown
from tui.text import Line, clean_line, fit


@dataclass(slots=True)
class GridView:
    """The rows in sight: filtered, and each with its problems."""

    draft: Draft
    only: tuple[str, ...] = ()
    """Paths of sections and fields to show with all that is below them; empty: everything."""
    words: str = ""
    advanced: bool = False
    only_errors: bool = False
    only_changed: Literal["", "default", "start"] = ""
    """Only fields that differ from the default, or from the preset or file."""
    rows: list[Row] = field(default_factory=list)
    altered: list[int] = field(default_factory=list)
    """Rows that look different since the last rebuild, when the paths stayed the same."""
    _problems: dict[str, list[FieldProblem]] = field(default_factory=dict)

    def rebuild(self, *, keep: str | None = None) -> bool:
        """Lay the draft out anew; True when the same rows are in sight as before. ``keep`` stays in sight."""
        every = build_rows(self.draft)
        before, problems = self.rows, self._problems
        if keep is not None:  # an item of a list may have no row of its own
            keep = _shown_at(keep, {row.path for row in every if row.selectable})
        self._problems = self._attach(every)
        self.rows = _without_empty_groups(_with_parents(every, [self._visible(row, keep) for row in every]))
        self.altered = [
            index
            for index, (old, new) in enumerate(zip(before, self.rows, strict=False))
            if old != new or new.kind == "group" or problems.get(old.path) != self._problems.get(new.path)
        ]
        return [row.path for row in before] == [row.path for row in self.rows]

    def modes(self) -> Iterator[tuple[bool, str]]:
        """What is switched on, in words."""
        yield bool(self.words), f"find {self.words!r}"
        yield self.only_errors, "only errors"
        start = "preset" if self.draft.base is not None else "file"
        yield bool(self.only_changed), f"only changed from {'default' if self.only_changed == 'default' else start}"
        yield self.advanced, "advanced"

    def next_changed(self) -> None:
        """Everything, only what differs from the default, only what differs from the preset or file, and around."""
        if self.only_changed == "":
            self.only_changed = "default"
        elif self.only_changed == "default" and self.draft.start is not None:
            self.only_changed = "start"
        else:
            self.only_changed = ""

    def row_at(self, index: int | None) -> Row | None:
        return self.rows[index] if index is not None and 0 <= index < len(self.rows) else None

    def path_at(self, index: int | None) -> str | None:
        row = self.row_at(index)
        return row.path if row is not None else None

    def index_of(self, path: str) -> int:
        """The row of a path, or of the nearest thing above it."""
        best, length = 0, -1
        for index, row in enumerate(self.rows):
            above = row.path == path or path.startswith((row.path + ".", row.path + "["))
            if row.selectable and above and len(row.path) > length:
                best, length = index, len(row.path)
        return best

    def best_match(self) -> str | None:
        """The row that the words mean: by name rather than by text."""
        if not self.words:
            return None
        words = self.words.lower().split()
        rows = [row for row in self.rows if row.selectable]
        named = (row.path for row in rows if all(word in f"{row.path} {row.title}".lower() for word in words))
        last = (row.path for row in rows if all(word in row.path.rpartition(".")[2] for word in words))
        described = (row.path for row in rows if all(word in _searchable(row) for word in words))
        return next(last, None) or next(named, None) or next(described, None)

    def problems_of(self, row: Row) -> tuple[FieldProblem, ...]:
        """Problems shown at a row: its own, and those of places that have no row."""
        return tuple(self._problems.get(row.path, ()))

    def problems_in(self, row: Row) -> int:
        """Problems of a heading's whole section."""
        return self.draft.problems_below(row.path) if row.path else 0

    def next_problem(self, cursor: int | None) -> str | None:
        """The path of the next problem below the cursor, hidden rows included, starting over at the end."""
        rows = [row for row in build_rows(self.draft) if row.selectable and self.in_reach(row)]
        paths = [row.path for row in rows if self._problems.get(row.path)]
        if not paths:
            return None
        order = [row.path for row in rows]
        here = self.path_at(cursor)
        place = order.index(here) if here in order else -1
        return next((path for path in paths if order.index(path) > place), paths[0])

    def next_section(self, cursor: int | None, step: int) -> int | None:
        """The first row of the next or previous section."""
        starts = [index + 1 for index, row in enumerate(self.rows) if row.depth == 0 and row.kind == "group"]
        here = cursor or 0
        if step > 0:
            return next((start for start in starts if start > here), None)
        return next((start for start in reversed(starts) if start < here), None)

    def _attach(self, rows: list[Row]) -> dict[str, list[FieldProblem]]:
        paths = {row.path for row in rows if row.selectable}
        attached: dict[str, list[FieldProblem]] = {}
        for problem in self.draft.problems:
            for path in dict.fromkeys(_shown_at(path, paths) for path in (problem.path, *problem.also)):
                attached.setdefault(path, []).append(problem)
        return attached

    def in_reach(self, row: Row) -> bool:
        """Whether a row belongs to what is shown here at all."""
        return not self.only or any(inside(row.path, path) for path in self.only)

    def _visible(self, row: Row, keep: str | None) -> bool:
        if row.kind == "group":
            return True
        if not self.in_reach(row):
            return False
        if row.path == keep:
            return True
        if self.only_errors and not self.draft.problems_below(row.path):
            return False
        if self.only_changed and not (row.own if self.only_changed == "start" else row.changed):
            return False
        if self.words:
            return all(word in _searchable(row) for word in self.words.lower().split())
        quiet = row.advanced and not row.changed and not row.own and not self._problems.get(row.path)
        return not quiet or self.advanced or self.only_errors or bool(self.only_changed)


def _shown_at(path: str, paths: set[str]) -> str:
    """The row where a problem of ``path`` is shown: its own, else the nearest above."""
    while path and path not in paths:
        path = path[: max(path.rfind("."), path.rfind("["), 0)]
    return path


def grid_line(view: GridView, index: int, width: int, current: bool) -> Line:
    """One row of the grid in ``width`` cells."""
    row = view.rows[index]
    if row.kind == "group":
        return _heading(view, row, width)
    problems = view.problems_of(row)
    mark, mark_style = _mark(row, bool(problems))
    names = min(38, max(16, width * 2 // 5))
    name = fit(clean_line(f"{'  ' * row.depth}{row.title}"), names)
    room = max(0, width - names - 4)
    value = clean_line(shown(row).replace("\n", "⏎"))
    if problems and room > len(value) + 12:
        value = f"{value}  ← {problems[0].message}"
    if current:
        return ((f" {mark} ", "cursor"), (name, "cursor"), (" ", "cursor"), (fit(value, room), "cursor"))
    style = "bad" if problems else "dim" if not row.relevant or not (row.changed or row.own) else "strong"
    return (
        (f" {mark} ", mark_style),
        (name, "text" if row.relevant else "dim"),
        (" ", "text"),
        (fit(value, room), style),
    )


def _mark(row: Row, wrong: bool) -> tuple[str, str]:
    """Wrong; changed by the user; or only other than the default, as the preset or file says."""
    if wrong:
        return "✖", "bad"
    if row.own:
        return "●", "warn"
    return ("○", "dim") if row.changed else (" ", "text")


def _heading(view: GridView, row: Row, width: int) -> Line:
    count = view.problems_in(row)
    tail = f" {count} ✖ " if count else ""
    text = f" {row.title} "
    rule = "─" * max(0, width - len(text) - len(tail) - 2)
    return (("──", "dim"), (text, "title"), (rule, "dim"), (tail, "bad"))


def _searchable(row: Row) -> str:
    described = f"{row.spec.description} {row.spec.provider or ''}" if row.spec is not None else ""
    return f"{row.path} {row.title} {described}".lower()


def _with_parents(rows: list[Row], visible: list[bool]) -> list[Row]:
    """The visible rows and the sections, lists and items they stand in."""
    kept: list[Row] = []
    inner = 0
    for row, seen in zip(reversed(rows), reversed(visible), strict=True):
        parent = row.kind in ("section", "list", "item") and inner > row.depth
        if seen or parent:
            kept.append(row)
            inner = row.depth
    return kept[::-1]


def _without_empty_groups(rows: list[Row]) -> list[Row]:
    """Headings stay only above something."""
    kept: list[Row] = []
    for index, row in enumerate(rows):
        following = rows[index + 1] if index + 1 < len(rows) else None
        if row.kind != "group" or (following is not None and following.kind != "group" and following.depth > 0):
            kept.append(row)
    return kept
