"""Everything the schema says about a field, as lines for the pane beside the grid."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator

from schemas.errors import FieldProblem
from tui.forms.rows import Row
from tui.forms.values import plain
from tui.text import Line

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


def doc_lines(row: Row | None, problems: tuple[FieldProblem, ...], width: int) -> list[Line]:
    """Problems first, then what the field means, then its type, default and effects; wrapped to ``width``."""
    width = max(10, width)
    lines: list[Line] = []
    for problem in problems:
        lines += _wrapped(f"✖ {problem.message}", width, "bad")
        if problem.hint:
            lines += _wrapped(f"  {problem.hint}", width, "warn")
    if row is None:
        return lines
    lines += [((row.path, "accent"),)]
    if row.kind == "unknown":
        return [*lines, *_wrapped("no such key; Del removes it", width, "warn")]
    text = row.variant.description or row.variant.title if row.variant is not None else ""
    text = text or (row.spec.description if row.spec is not None else "")
    lines += _wrapped(text, width, "text")
    for label, fact in _facts(row):
        lines += _wrapped(f"{label}: {fact}", width, "dim")
    return lines


def _facts(row: Row) -> Iterator[tuple[str, str]]:
    spec = row.spec
    if spec is None or row.kind == "item":
        return
    yield "type", _type(row)
    if not spec.required and spec.kind != "model":
        yield "default", plain(spec.default)
    elif spec.required:
        yield "default", "none, it must be given"
    if spec.recommended is not None:
        yield "recommended", plain(spec.recommended)
    if spec.example is not None and spec.kind != "model":
        yield "example", plain(spec.example)
    for label, effect in (
        ("memory", spec.effect_memory),
        ("speed", spec.effect_speed),
        ("quality", spec.effect_quality),
        ("deprecated", spec.deprecated),
    ):
        if effect:
            yield label, effect
    if spec.relevant_when:
        yield "matters when", " or ".join(str(when) for when in spec.relevant_when)
    if spec.extension:
        yield "note", "ours; written only when changed, so that other trainers read the file"


def _type(row: Row) -> str:
    spec = row.spec
    assert spec is not None
    parts = [KINDS.get(spec.kind, spec.kind)]
    if spec.choices:
        parts = ["one of " + ", ".join(plain(choice) for choice in spec.choices)]
    if bounds := spec.bounds():
        parts.append(bounds)
    if spec.unit:
        parts.append(f"in {spec.unit}")
    if spec.nullable:
        parts.append("or null")
    return ", ".join(parts)


def _wrapped(text: str, width: int, style: str) -> list[Line]:
    found = textwrap.wrap(text, width, subsequent_indent="  " if ": " in text[:20] else "") if text else []
    return [((line, style),) for line in found]
