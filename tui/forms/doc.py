"""Everything the schema says about a field, as lines for the pane beside the grid."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from functools import cache

from pydantic import BaseModel

from schemas.errors import FieldProblem
from schemas.fieldspec import FieldSpec
from schemas.spec import fields
from tui.forms.draft import Draft
from tui.forms.rows import Row
from tui.forms.values import plain
from tui.text import Line, clean_line

KINDS = {
    "bool": "yes or no",
    "int": "whole number",
    "float": "number",
    "str": "text",
    "text": "text of any length",
    "path": "path",
    "choice": "one of",
    "list": "list",
    "tuple": "list",
    "dict": "mapping",
    "union": "one of several kinds",
    "model": "section",
}
PLURALS = {
    "bool": "yes or no",
    "int": "whole numbers",
    "float": "numbers",
    "str": "texts",
    "text": "texts",
    "path": "paths",
    "choice": "words",
    "list": "lists",
    "tuple": "lists",
    "dict": "mappings",
    "union": "items of several kinds",
    "model": "sections",
}

BRIEF = ("type", "default", "preset", "file", "recommended", "example")
"""Facts of a few words."""


def doc_lines(
    draft: Draft, row: Row | None, problems: tuple[FieldProblem, ...], width: int, *, dense: bool = False
) -> list[Line]:
    """Problems first, then what the field means, then its type, default and effects; wrapped to ``width``.

    ``dense`` puts what can be said in few words on as few lines as it takes.
    """
    width = max(10, width)
    lines: list[Line] = []
    for problem in problems:
        lines += _wrapped(f"✖ {problem.message}", width, "bad")
        if problem.hint:
            lines += _wrapped(f"  {problem.hint}", width, "warn")
    if row is None:
        return lines
    lines += [((row.path, "name"),)]
    if row.kind == "unknown":
        return [*lines, *_wrapped("no such key; Del removes it", width, "warn")]
    text = row.variant.description or row.variant.title if row.variant is not None else ""
    text = text or (row.spec.description if row.spec is not None else "")
    lines += _wrapped(text, width, "text")
    facts = list(_facts(draft, row))
    if dense:
        brief = [(label, fact) for label, fact in facts if label in BRIEF]
        told = "; ".join(fact if label == "type" else f"{label} {fact}" for label, fact in brief)
        lines += _wrapped(told, width, "dim")
        facts = [pair for pair in facts if pair not in brief]
    for label, fact in facts:
        lines += _labelled(label, fact, width)
    return lines


def cut(lines: list[Line], height: int) -> list[Line]:
    """The first ``height`` lines; where some are missing the last one says how to see them."""
    if len(lines) <= height or height < 1:
        return lines
    return [*lines[: height - 1], ((f"{len(lines) - height + 1} more lines: i", "key"),)]


def _facts(draft: Draft, row: Row) -> Iterator[tuple[str, str]]:
    spec = row.spec
    if spec is None or row.kind == "item":
        return
    yield "type", _type(row)
    yield from _values(draft, row, spec)
    for label, effect in (
        ("memory", spec.effect_memory),
        ("speed", spec.effect_speed),
        ("quality", spec.effect_quality),
        ("deprecated", spec.deprecated),
    ):
        if effect:
            yield label, effect
    if spec.relevant_when:
        verb = "matters" if row.relevant else "off now; matters"
        yield verb, "when " + " or ".join(str(when) for when in spec.relevant_when)
    if depending := dependents(draft.model).get(spec.path):
        yield "decides on", ", ".join(depending)
    if spec.extension:
        yield "note", "ours; written only when changed, so that other trainers read the file"


def _values(draft: Draft, row: Row, spec: FieldSpec) -> Iterator[tuple[str, str]]:
    """What it may be set to: default, preset, recommended, example."""
    if spec.required:
        yield "default", "none, it must be given"
    elif spec.kind != "model":
        yield "default", plain(spec.default)
    if row.own and spec.kind != "model":
        yield "preset" if draft.base is not None else "file", plain(row.start)
    if spec.recommended is not None:
        yield "recommended", plain(spec.recommended)
    if spec.example is not None and spec.kind != "model":
        yield "example", plain(spec.example)


@cache
def dependents(model: type[BaseModel]) -> dict[str, tuple[str, ...]]:
    """For each field, the fields that matter only at some of its values or take their form from it."""
    found: dict[str, list[str]] = {}
    for spec in _every(fields(model)):
        for path in dict.fromkeys([*(when.path for when in spec.relevant_when), spec.variant_by]):
            if path:
                found.setdefault(path, []).append(spec.path)
    return {path: tuple(dict.fromkeys(paths)) for path, paths in found.items()}


def _every(specs: tuple[FieldSpec, ...]) -> Iterator[FieldSpec]:
    """Fields and the fields of their items and kinds."""
    for spec in specs:
        yield spec
        if spec.item is not None:
            yield from _every((*spec.item.fields, *(one for kind in spec.item.variants for one in kind.fields)))


def _type(row: Row) -> str:
    spec = row.spec
    assert spec is not None
    parts = [KINDS.get(spec.kind, spec.kind)]
    if spec.choices:
        parts = ["one of " + ", ".join(plain(choice) for choice in spec.choices)]
    if spec.item is not None and spec.kind in ("list", "tuple"):
        count = f"{spec.length} " if spec.length else ""
        parts = [f"{KINDS[spec.kind]} of {count}{PLURALS.get(spec.item.kind, spec.item.kind)}"]
    if spec.kind == "union" or (spec.item is not None and spec.item.variants):
        parts.append(", ".join(kind.tag for kind in (spec.item or spec).variants))
    if spec.words:
        parts.append("or " + " or ".join(spec.words))
    if bounds := spec.bounds():
        parts.append(bounds)
    if spec.unit:
        parts.append(f"in {spec.unit}")
    if spec.nullable:
        parts.append("or null")
    return ", ".join(parts)


def _labelled(label: str, fact: str, width: int) -> list[Line]:
    """A fact behind its name; further lines are indented a little."""
    wrapped = textwrap.wrap(f"{label}: {clean_line(fact)}", width, subsequent_indent="  ", break_on_hyphens=False)
    head = len(label) + 1
    first: Line = ((wrapped[0][:head], "dim"), (wrapped[0][head:], "text"))
    return [first, *(((line, "text"),) for line in wrapped[1:])]


def _wrapped(text: str, width: int, style: str) -> list[Line]:
    return [((line, style),) for line in textwrap.wrap(clean_line(text), width, break_on_hyphens=False)]
