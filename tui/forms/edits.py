"""What a person does to a row, as changes of the draft. Each is one step of undo."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

from schemas.errors import FieldProblem
from schemas.paths import MISSING, format_path, parse_path, set_in
from tui.forms.draft import Draft, same
from tui.forms.rows import Row, absent_section, effective
from tui.forms.values import bumped


def assign(draft: Draft, path: str, value: Any) -> bool:
    """Put a value at a path. A section that was absent is first written out as far as it says more than its fields."""
    top, whole = _spelled_out(draft, path, value)
    return draft.set(top, whole)


def trial(draft: Draft, path: str, value: Any) -> tuple[FieldProblem, ...]:
    """The problems there would be after ``assign``."""
    top, whole = _spelled_out(draft, path, value)
    return draft.trial(top, whole)


def verdict(draft: Draft, path: str, value: Any) -> str:
    """What would be wrong with a value, in words: at the field itself, or anything that would be new elsewhere."""
    after = trial(draft, path, value)
    here = [problem for problem in after if problem.path == path or problem.path.startswith((path + ".", path + "["))]
    if not here:
        before = {(problem.path, problem.message) for problem in draft.problems}
        here = [problem for problem in after if (problem.path, problem.message) not in before]
    if not here:
        return ""
    first = here[0]
    place = "" if first.path == path or not first.path else f"{first.path}: "
    return place + first.message + (f"\n{first.hint}" if first.hint else "")


def _spelled_out(draft: Draft, path: str, value: Any) -> tuple[str, Any]:
    """The path and value to set so that ``value`` at ``path`` changes nothing else."""
    absent = absent_section(draft, path)
    if absent is None:
        return path, value
    section, below = absent
    fields = {field.name: field for field in section.fields}
    start = {
        name: copy.deepcopy(inside)
        for name, inside in section.default.items()
        if name in fields and not same(inside, fields[name].default)
    }
    set_in(start, below, value)
    return section.path, start


def reset(draft: Draft, row: Row) -> bool:
    """Back to the default: the value is taken out, or written as the default where the file must hold one."""
    if row.kind in ("item", "unknown", "group") or row.spec is None:
        return False
    if row.spec.required:
        return assign(draft, row.path, copy.deepcopy(row.spec.template)) if row.spec.example is not None else False
    if draft.document is None:
        return row.given and assign(draft, row.path, copy.deepcopy(row.spec.default))
    return draft.reset(row.path)


def restore(draft: Draft, row: Row) -> bool:
    """Back to what the preset, or else the file, says."""
    if row.kind in ("item", "unknown", "group") or row.start is MISSING:
        return False
    return assign(draft, row.path, copy.deepcopy(row.start))


def bump(draft: Draft, row: Row, step: int) -> bool:
    """The next value up or down, where there is one."""
    if row.spec is None or row.kind != "field":
        return False
    value = bumped(row.spec, row.value, step)
    return value is not MISSING and assign(draft, row.path, value)


def toggle_section(draft: Draft, row: Row) -> bool:
    """An optional section on, with what it must hold, or off."""
    assert row.spec is not None
    return assign(draft, row.path, row.spec.template if row.value is None else None)


def add_item(draft: Draft, row: Row, tag: str | None = None) -> str | None:
    """A new item at the end of a list; its path. ``tag`` chooses among several kinds."""
    assert row.spec is not None
    assert row.spec.item is not None
    variant = row.spec.item.variant(tag)
    template = copy.deepcopy(dict(variant.template)) if variant is not None else row.spec.item.template
    items = row.value if isinstance(row.value, list) else []
    assign(draft, row.path, [*items, template])
    return f"{row.path}[{len(items)}]"


def change_kind(draft: Draft, row: Row, tag: str) -> bool:
    """Another kind of item; what has the same name in both kinds is kept."""
    assert row.spec is not None
    variant = row.spec.variant(tag)
    if variant is None:
        return False
    old = row.value if isinstance(row.value, Mapping) else {}
    known = {field.name for field in variant.fields if field.name != row.spec.discriminator}
    kept = {name: value for name, value in old.items() if name in known}
    return assign(draft, row.path, {**copy.deepcopy(dict(variant.template)), **kept})


def remove(draft: Draft, row: Row) -> bool:
    """Delete an item or an unknown key; switch an optional section off."""
    if row.kind in ("section", "union"):
        return row.removable and assign(draft, row.path, None)
    if not row.removable:
        return False
    *parent, last = parse_path(row.path)
    if isinstance(last, int):
        return draft.remove(format_path(parent), last)
    return draft.reset(row.path)


def shift(draft: Draft, row: Row, step: int) -> str | None:
    """Move an item up or down in its list; its new path."""
    *parent, last = parse_path(row.path) if row.path else ("", "")
    if row.kind != "item" or not isinstance(last, int):
        return None
    moved = draft.move(format_path(parent), last, last + step)
    return f"{format_path(parent)}[{last + step}]" if moved else None


def data_root(draft: Draft) -> str:
    """The prepared dataset's directory as typed, empty when there is none."""
    root = effective(draft, "data.preprocessed_data_root")
    return root if isinstance(root, str) else ""
