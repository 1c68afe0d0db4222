"""Opening the right editor for a row: one at a time, each ending in one change of the draft."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from textual.app import App

from schemas.fieldspec import FieldSpec
from schemas.paths import MISSING
from tui.app.screens.picker import Option, PickerScreen
from tui.app.screens.textbox import TextScreen
from tui.app.screens.value import ValueScreen
from tui.forms import edits
from tui.forms.draft import Draft
from tui.forms.rows import Row
from tui.forms.values import bumped, editable, is_numbers, parse, plain

Done = Callable[[str | None], None]
"""Called after a change with the path that should be current; None: stay."""


def open_editor(app: App[int], draft: Draft, row: Row, done: Done) -> None:
    """Edit a row in the way its field wants."""
    spec = row.spec
    if row.kind == "list":
        _add(app, draft, row, done)
    elif row.kind == "section":
        if edits.toggle_section(draft, row):
            done(row.path)
    elif row.kind in ("item", "union"):
        _change_kind(app, draft, row, done)
    elif spec is not None and spec.kind == "bool" and isinstance(row.value, bool):
        if edits.bump(draft, row, 1):
            done(row.path)
    elif spec is not None and spec.kind == "choice":
        _choose(app, draft, row, done)
    elif is_numbers(spec, row.value):
        _value(app, draft, row, done)
    elif spec is None or spec.kind in ("text", "list", "dict"):
        _text(app, draft, row, done)
    else:
        _value(app, draft, row, done)


def _add(app: App[int], draft: Draft, row: Row, done: Done) -> None:
    assert row.spec is not None
    assert row.spec.item is not None
    if not row.spec.item.variants:
        done(edits.add_item(draft, row))
        return

    def chosen(option: Option | None) -> None:
        if option is not None:
            done(edits.add_item(draft, row, option.value))

    app.push_screen(PickerScreen(f"Add to {row.path}", _kinds(row.spec.item.variants)), chosen)


def _change_kind(app: App[int], draft: Draft, row: Row, done: Done) -> None:
    if row.spec is None or not row.spec.variants:
        return

    def chosen(option: Option | None) -> None:
        if option is not None and edits.change_kind(draft, row, option.value):
            done(row.path)

    current = row.variant.tag if row.variant is not None else None
    title = f"Kind of {row.path}; fields of the same name are kept"
    app.push_screen(PickerScreen(title, _kinds(row.spec.variants), current=current), chosen)


def _kinds(variants: object) -> list[Option]:
    return [Option(variant.tag, variant.tag, variant.description or variant.title) for variant in variants]  # type: ignore[attr-defined]


def _choose(app: App[int], draft: Draft, row: Row, done: Done) -> None:
    assert row.spec is not None
    values = [*row.spec.choices, *([None] if row.spec.nullable else [])]
    options = [Option(value, plain(value), _mark(row, value)) for value in values]

    def chosen(option: Option | None) -> None:
        if option is not None and edits.assign(draft, row.path, option.value):
            done(row.path)

    app.push_screen(PickerScreen(f"{row.spec.title} ({row.path})", options, current=row.value), chosen)


def _mark(row: Row, value: object) -> str:
    assert row.spec is not None
    marks = [name for name, other in (("default", row.spec.default), ("recommended", row.spec.recommended))
             if other is not None and other == value]  # fmt: skip
    return ", ".join(marks)


def _text(app: App[int], draft: Draft, row: Row, done: Done) -> None:
    spec = row.spec
    hint = "Enter: another line; F2: take the text"
    if spec is not None and spec.kind == "list":
        hint = "One item per line: Enter begins another one, F2 takes the list"
    if spec is None or spec.kind == "dict":
        hint = "Written as YAML: Enter begins another line, F2 takes it"

    def judge(text: str) -> str:
        return edits.verdict(draft, row.path, parse(spec, text))

    def entered(text: str | None) -> None:
        if text is not None and edits.assign(draft, row.path, parse(spec, text)):
            done(row.path)

    note = _hits(draft, spec) if spec is not None and spec.provider == "lora_modules" else lambda _text: ""
    title = f"{row.title} ({row.path})"
    app.push_screen(TextScreen(title, editable(spec, row.value), hint=hint, judge=judge, note=note), entered)


def _hits(draft: Draft, spec: FieldSpec) -> Callable[[str], str]:
    """Says what typed patterns hit; what reads checkpoints is loaded when it is first wanted."""
    from tui.forms.targets import describe_hits, draft_modules

    modules = draft_modules(draft)

    def note(text: str) -> str:
        patterns = parse(spec, text)
        return describe_hits(patterns, modules) if isinstance(patterns, list) else ""

    return note


def _value(app: App[int], draft: Draft, row: Row, done: Done) -> None:
    spec = row.spec
    assert spec is not None

    def read(text: str) -> object:
        trimmed = text.rstrip("/") if spec.provider and len(text.strip()) > 1 else text
        return parse(spec, trimmed)

    def judge(text: str) -> str:
        return edits.verdict(draft, row.path, read(text))

    def entered(text: str | None) -> None:
        if text is not None and edits.assign(draft, row.path, read(text)):
            done(row.path)

    def nudge(text: str, step: int) -> str | None:
        value = bumped(spec, read(text), step)
        return None if value is MISSING else plain(value)

    facts = [
        "numbers with commas between" if spec.kind == "list" else "",
        spec.bounds(),
        f"in {spec.unit}" if spec.unit else "",
        f"or {' or '.join(spec.words)}" if spec.words else "",
    ]
    facts += ["empty for null"] if spec.nullable else []
    app.push_screen(
        ValueScreen(
            f"{spec.title} ({row.path})",
            editable(spec, row.value),
            hint="; ".join(fact for fact in facts if fact),
            judge=judge,
            nudge=nudge,
            provider=spec.provider,
            base=_base(draft, spec),
        ),
        entered,
    )


def _base(draft: Draft, spec: FieldSpec) -> Path | None:
    """Where relative completions start; None for a field that is no path."""
    if spec.kind != "path" and spec.provider in (None, "lora_modules"):
        return None
    if spec.provider != "data_directory":
        return Path()
    root = Path(edits.data_root(draft) or ".").expanduser()
    prepared = root / ".precomputed"
    return prepared if prepared.is_dir() else root
