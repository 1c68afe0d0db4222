"""The rows of the property grid: the schema's fields laid over the values of a draft."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final, Literal

from schemas.paths import MISSING, get_in, join, parse_path
from schemas.spec import FieldSpec, Variant, model_specs
from tui.forms.draft import Draft, equal

RowKind = Literal["group", "field", "section", "list", "union", "item", "unknown"]

ORDER: Final = (
    "model",
    "data",
    "training_strategy",
    "lora",
    "optimization",
    "acceleration",
    "validation",
    "checkpoints",
    "wandb",
    "hub",
    "flow_matching",
)
"""Sections in the order of a person's decisions; sections the schema gains follow at the end."""
GENERAL_AFTER: Final = "data"
"""The section behind which fields that belong to no section stand."""


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the grid."""

    kind: RowKind
    path: str
    """Where the value is, with list indexes: ``validation.samples[0].prompt``."""
    title: str
    depth: int
    spec: FieldSpec | None
    value: Any = None
    """What holds: the value as typed, or the default."""
    given: bool = False
    """Whether the draft mentions the value."""
    relevant: bool = True
    removable: bool = False
    """Whether Delete means something: a list item, an optional section that is on, a key nobody knows."""
    variant: Variant | None = None
    """Of an item or a field of several kinds: which kind it is."""
    start: Any = MISSING
    """What the preset, or else the file, says; MISSING: nothing to compare with."""

    @property
    def changed(self) -> bool:
        """Whether the value differs from the default."""
        if self.kind in ("group", "item", "unknown") or self.spec is None or not self.given:
            return self.kind in ("item", "unknown")
        if self.spec.kind == "model":
            return (self.value is None) != (self.spec.default is None)
        return self.spec.required or not equal(self.value, self.spec.default)

    @property
    def own(self) -> bool:
        """Whether the value differs from what the preset, or else the file, says."""
        if self.start is MISSING or self.kind == "group":
            return False
        if self.spec is not None and self.spec.kind == "model" and self.kind == "section":
            return (self.value is None) != (self.start is None)
        return not equal(self.value, self.start)

    @property
    def selectable(self) -> bool:
        return self.kind != "group"

    @property
    def advanced(self) -> bool:
        return self.spec is not None and self.spec.advanced and self.kind != "item"


def build_rows(draft: Draft) -> list[Row]:
    """Every row there is, headings included, in the order of ORDER."""
    specs = {spec.name: spec for spec in model_specs(draft.model)}
    sections = [name for name, spec in specs.items() if spec.kind == "model"]
    sections.sort(key=lambda name: ORDER.index(name) if name in ORDER else len(ORDER))
    general = [spec for spec in specs.values() if spec.kind != "model"]
    rows: list[Row] = [] if GENERAL_AFTER in sections else list(_general(draft, general))
    for name in sections:
        rows += _section(draft, specs[name])
        if name == GENERAL_AFTER:
            rows += _general(draft, general)
    unknown = [name for name in draft.data if name not in specs]
    if unknown:
        rows.append(Row("group", "", "Unknown keys", 0, None))
        rows += [_unknown(name, draft.data[name], 1) for name in unknown]
    return rows


def _general(draft: Draft, specs: list[FieldSpec]) -> Iterator[Row]:
    if specs:
        yield Row("group", "", "General", 0, None)
    for spec in specs:
        yield from _field(draft, spec, spec.path, 1)


def _section(draft: Draft, spec: FieldSpec) -> Iterator[Row]:
    yield Row("group", spec.path, spec.title, 0, spec)
    if spec.nullable:
        yield from _field(draft, spec, spec.path, 1)
    else:
        value, _ = _value(draft, spec, spec.path)
        yield from _children(draft, spec.fields, spec.path, value, 1)


def _children(draft: Draft, specs: tuple[FieldSpec, ...], path: str, value: Any, depth: int) -> Iterator[Row]:
    for spec in specs:
        yield from _field(draft, spec, join(path, spec.name), depth)
    if isinstance(value, Mapping):
        known = {spec.name for spec in specs}
        for name, inside in value.items():
            if name not in known:
                yield _unknown(join(path, str(name)), inside, depth)


def _field(draft: Draft, spec: FieldSpec, path: str, depth: int) -> Iterator[Row]:
    value, given = _value(draft, spec, path)
    start = MISSING if draft.start is None else _found(draft.start, draft, spec, path)[0]
    row = Row("field", path, spec.title, depth, spec, value, given, _relevant(draft, spec), start=start)
    if spec.kind == "model":
        on = isinstance(value, Mapping)
        yield replace(row, kind="section", removable=on and spec.nullable)
        if on:
            yield from _children(draft, spec.fields, path, value, depth + 1)
    elif spec.kind == "union":
        variant = _variant(spec, value)
        yield replace(row, kind="union", removable=value is not None and spec.nullable, variant=variant)
        yield from _variant_fields(draft, spec, variant, path, value, depth + 1)
    elif spec.kind == "list" and spec.item is not None and spec.item.kind in ("model", "union"):
        yield replace(row, kind="list")
        for index, inside in enumerate(value if isinstance(value, list) else []):
            yield from _item(draft, spec.item, f"{path}[{index}]", index, inside, depth + 1)
    elif spec.kind == "dict" and spec.variant_by:
        yield from _parameters(draft, row, depth)
    else:
        yield row


def _item(draft: Draft, spec: FieldSpec, path: str, index: int, value: Any, depth: int) -> Iterator[Row]:
    variant = _variant(spec, value)
    title = f"{index + 1}. {variant.tag if variant else spec.title.lower()}"
    start = MISSING if draft.start is None else get_in(draft.start, parse_path(path), None)
    yield Row("item", path, title, depth, spec, value, True, True, removable=True, variant=variant, start=start)
    if spec.kind == "union":
        yield from _variant_fields(draft, spec, variant, path, value, depth + 1)
    else:
        yield from _children(draft, spec.fields, path, value, depth + 1)


def _variant(spec: FieldSpec, value: Any) -> Variant | None:
    return spec.variant(value.get(spec.discriminator)) if isinstance(value, Mapping) and spec.variants else None


def _variant_fields(
    draft: Draft, spec: FieldSpec, variant: Variant | None, path: str, value: Any, depth: int
) -> Iterator[Row]:
    """The fields of the kind that a value of several kinds has; with no kind, all it holds is unknown."""
    fields = tuple(field for field in variant.fields if field.name != spec.discriminator) if variant else ()
    given = value.items() if isinstance(value, Mapping) else ()
    rest = {name: inside for name, inside in given if name != spec.discriminator}
    yield from _children(draft, fields, path, rest, depth)


def _parameters(draft: Draft, row: Row, depth: int) -> Iterator[Row]:
    """A mapping whose keys depend on another field: its parameters as fields of their own."""
    assert row.spec is not None
    variant = row.spec.variant(effective(draft, row.spec.variant_by))
    if variant is None or (row.value is not None and not isinstance(row.value, Mapping)):
        yield row
        return
    for inside in _children(draft, variant.fields, row.path, row.value, depth):
        yield replace(inside, relevant=row.relevant)


def _unknown(path: str, value: Any, depth: int) -> Row:
    return Row("unknown", path, path.rpartition(".")[2], depth, None, value, True, True, removable=True)


def effective(draft: Draft, path: str) -> Any:
    """What holds at a path that is in no list: the value as typed, else the default."""
    specs: tuple[FieldSpec, ...] = model_specs(draft.model)
    spec: FieldSpec | None = None
    for part in parse_path(path):
        spec = next((each for each in specs if each.name == part), None)
        if spec is None:
            return None
        specs = spec.fields
    return None if spec is None else _value(draft, spec, path)[0]


def _value(draft: Draft, spec: FieldSpec, path: str) -> tuple[Any, bool]:
    """What holds at a path, and whether the draft says it itself."""
    return _found(draft.data, draft, spec, path)


def _found(data: Mapping[str, Any], draft: Draft, spec: FieldSpec, path: str) -> tuple[Any, bool]:
    """What holds at a path of ``data``, and whether it is said there.

    A section that is missing altogether may have a default of its own that says more than its fields' defaults.
    """
    parts = parse_path(path)
    found = get_in(data, parts)
    if found is not MISSING:
        return found, True
    absent = _absent(data, draft, parts)
    if absent is not None:
        section, below = absent
        inside = get_in(section.default, below)
        if inside is not MISSING:
            return inside, False
    return spec.default, False


def absent_section(draft: Draft, path: str) -> tuple[FieldSpec, tuple[Any, ...]] | None:
    """The top-level section above ``path`` when the draft does not mention it but it has a default; and the rest."""
    return _absent(draft.data, draft, parse_path(path))


def _absent(data: Mapping[str, Any], draft: Draft, parts: tuple[Any, ...]) -> tuple[FieldSpec, tuple[Any, ...]] | None:
    first, *rest = parts
    if first in data or not rest:
        return None
    section = next((spec for spec in model_specs(draft.model) if spec.name == first), None)
    if section is None or not isinstance(section.default, Mapping):
        return None
    return section, tuple(rest)


def _relevant(draft: Draft, spec: FieldSpec) -> bool:
    return not spec.relevant_when or any(when.holds(effective(draft, when.path)) for when in spec.relevant_when)
