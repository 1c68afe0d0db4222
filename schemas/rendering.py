"""A complete configuration file with a comment above every field, made from the fields' own descriptions."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Mapping
from typing import Any, Final

from pydantic import BaseModel

from schemas.config import LtxTrainerConfig
from schemas.emitting import entry_lines, inline
from schemas.extensions import without_unchanged
from schemas.legacy import migrate
from schemas.spec import FieldSpec, model_specs

SCHEMA_NAME: Final = "ltx2-wizard.schema.json"
"""File name that editors look for beside the configuration; ``ltx2-wizard schema -o`` writes it."""
_WIDTH: Final = 100


def render_yaml(
    config: LtxTrainerConfig | Mapping[str, Any],
    *,
    preset: str | None = None,
    vram: float | None = None,
    model: type[BaseModel] = LtxTrainerConfig,
) -> str:
    """The whole configuration as commented YAML: what is given, and the default of everything else.

    Fields of our own are written only when they differ from their default, so that other trainers read the file.
    A draft that is not valid yet is written too; what it must still hold is marked as required. ``preset``, and the
    card ``vram`` in GB it was taken for, are named in the first lines.
    """
    data = dict(config.model_dump(mode="json") if isinstance(config, BaseModel) else config)
    if model is LtxTrainerConfig:
        migration = migrate(data)
        data = without_unchanged(data if migration.problems else migration.data)
    lines = [*_header(preset, vram), *_section(model_specs(model), data, 0)]
    return "\n".join(lines) + "\n"


def _header(preset: str | None, vram: float | None) -> Iterator[str]:
    origin = f", preset {preset}" if preset else ""
    origin += f" for {vram:g} GB" if preset and vram is not None else ""
    yield f"# yaml-language-server: $schema={SCHEMA_NAME}"
    yield f"# LTX-2 training{origin}."
    yield "# Check it: ltx2-wizard check FILE. One field in detail: ltx2-wizard explain optimization.steps."
    yield f"# For help in your editor, once in this directory: ltx2-wizard schema -o {SCHEMA_NAME}"


def _section(specs: tuple[FieldSpec, ...], data: Mapping[str, Any], indent: int) -> Iterator[str]:
    names = {spec.name for spec in specs}
    for spec in specs:
        value = data.get(spec.name, spec.default)
        if spec.extension and value == spec.default:
            continue
        yield from _field(spec, value, indent)
    for name, value in data.items():
        if name not in names:
            yield from entry_lines(str(name), value, indent)


def _field(spec: FieldSpec, value: Any, indent: int) -> Iterator[str]:
    if indent == 0:
        yield ""
    yield from _comment(spec, value, indent)
    pad = " " * indent
    if spec.kind == "model":
        if value is None and not spec.required:
            yield f"{pad}{spec.name}: null"
        elif isinstance(value, Mapping) or value is None:
            yield f"{pad}{spec.name}:"
            yield from _section(spec.fields, value or {}, indent + 2)
        else:
            yield from entry_lines(spec.name, value, indent)
    elif spec.kind == "list" and isinstance(value, list | tuple) and value:
        yield from _list(spec, list(value), indent)
    elif spec.kind == "choice" and isinstance(value, str):
        yield f"{pad}{spec.name}: {inline(value, plain=True)}"
    else:
        yield from entry_lines(spec.name, value, indent)


def _list(spec: FieldSpec, items: list[Any], indent: int) -> Iterator[str]:
    if spec.item is None or spec.item.kind not in ("model", "union"):
        yield from entry_lines(spec.name, items, indent)
        return
    yield " " * indent + f"{spec.name}:"
    for item in items:
        lines = list(_item(spec.item, item, indent + 4)) if isinstance(item, Mapping) else []
        if lines:
            yield " " * (indent + 2) + "- " + lines[0].lstrip()
            yield from lines[1:]
        else:
            yield " " * (indent + 2) + f"- {inline(item)}"


def _item(spec: FieldSpec, item: Mapping[str, Any], indent: int) -> Iterator[str]:
    """A list item holds only what says something: no comments, and no fields left at null."""
    specs = spec.fields
    if spec.kind == "union":
        variant = spec.variant(item.get(spec.discriminator))
        specs = variant.fields if variant else ()
    order = [found.name for found in specs if found.name in item]
    by_name = {found.name: found for found in specs}
    for name in [*order, *(key for key in item if key not in by_name)]:
        field, value = by_name.get(name), item[name]
        if field is not None and value is None and field.nullable:
            continue
        if field is not None and field.kind == "list" and isinstance(value, list) and value:
            yield from _list(field, value, indent)
        elif field is not None and field.kind == "choice" and isinstance(value, str):
            yield f"{' ' * indent}{name}: {inline(value, plain=True)}"
        else:
            yield from entry_lines(str(name), value, indent)


def _comment(spec: FieldSpec, value: Any, indent: int) -> Iterator[str]:
    width = max(40, _WIDTH - indent)
    if spec.required and value is None and spec.kind != "model":
        yield " " * indent + "# REQUIRED"
    text = spec.description.rstrip(".")
    if spec.kind == "model" and text:
        text = f"{spec.title}: {text[:1].lower()}{text[1:]}."
    facts = f"[{'; '.join(allowed(spec))}]" if allowed(spec) else ""
    together = f"{text} {facts}".strip()
    for part in [together] if len(together) <= width else [text, facts]:
        for line in textwrap.wrap(part, width, break_long_words=False, break_on_hyphens=False):
            yield f"{' ' * indent}# {line}"


def allowed(spec: FieldSpec) -> list[str]:
    """What a field may be, and should be, in a few words each."""
    facts: list[str] = []
    if spec.kind == "model":
        return facts
    if spec.choices and len(spec.choices) > 1:
        facts.append(" | ".join([*map(str, spec.choices), *(["null"] if spec.nullable else [])]))
    if spec.item is not None and spec.item.variants:
        facts.append("types: " + ", ".join(variant.tag for variant in spec.item.variants))
    if spec.words or spec.bounds():
        facts.append(" | ".join(filter(None, [spec.bounds(), *spec.words])))
    if spec.unit:
        facts.append(spec.unit)
    if spec.recommended is not None and spec.recommended != spec.default:
        facts.append(f"recommended {inline(spec.recommended, plain=True)}")
    return facts
