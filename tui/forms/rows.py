"""The rows of the property grid: the schema's fields laid over the values of a draft."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final, Literal

from schemas.paths import MISSING, get_in, join, parse_path
from schemas.spec import FieldSpec, Variant, model_specs
from tui.forms.draft import Draft, same

RowKind = Literal["group", "field", "section", "list", "item", "unknown"]

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
    """Of an item of several kinds: which kind it is."""

    @property
    def changed(self) -> bool:
        """Whether the value differs from the default."""
        if self.kind in ("group", "item", "unknown") or self.spec is None or not self.given:
            return self.kind in ("item", "unknown")
        if self.spec.kind == "model":
            return (self.value is None) != (self.spec.default is None)
        return self.spec.required or not same(_comparable(self.value), _comparable(self.spec.default))

    @property
    def selectable(self) -> bool:
        return self.kind != "group"

    @property
    def advanced(self) -> bool:
        return self.spec is not None and self.spec.advanced and self.kind != "item"


def build_rows(draft: Draft) -> list[Row]:
    """Every row there is, headings included, in the order of ORDER."""
    specs = {spec.name: spec for spec in model_specs()}
    sections = [name for name, spec in specs.items() if spec.kind == "model"]
    sections.sort(key=lambda name: ORDER.index(name) if name in ORDER else len(ORDER))
    general = [spec for spec in specs.values() if spec.kind != "model"]
    rows: list[Row] = []
    for name in sections:
        rows += _section(draft, specs[name])
        if name == GENERAL_AFTER:
            rows.append(Row("group", "", "General", 0, None))
            rows += [row for spec in general for row in _field(draft, spec, spec.path, 1)]
    unknown = [name for name in draft.data if name not in specs]
    if unknown:
        rows.append(Row("group", "", "Unknown keys", 0, None))
        rows += [_unknown(name, draft.data[name], 1) for name in unknown]
    return rows


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
    row = Row("field", path, spec.title, depth, spec, value, given, _relevant(draft, spec))
    if spec.kind == "model":
        on = isinstance(value, Mapping)
        yield replace(row, kind="section", removable=on and spec.nullable)
        if on:
            yield from _children(draft, spec.fields, path, value, depth + 1)
    elif spec.kind == "list" and spec.item is not None and spec.item.kind in ("model", "union"):
        yield replace(row, kind="list")
        for index, inside in enumerate(value if isinstance(value, list) else []):
            yield from _item(draft, spec.item, f"{path}[{index}]", index, inside, depth + 1)
    elif spec.kind == "dict" and spec.variant_by:
        yield from _parameters(draft, row, depth)
    else:
        yield row


def _item(draft: Draft, spec: FieldSpec, path: str, index: int, value: Any, depth: int) -> Iterator[Row]:
    variant = spec.variant(value.get(spec.discriminator)) if isinstance(value, Mapping) and spec.variants else None
    title = f"{index + 1}. {variant.tag if variant else spec.title.lower()}"
    yield Row("item", path, title, depth, spec, value, True, True, removable=True, variant=variant)
    specs = variant.fields if variant else spec.fields
    inside = tuple(field for field in specs if field.name != spec.discriminator)
    known = value if isinstance(value, Mapping) else None
    for field in inside:
        yield from _field(draft, field, join(path, field.name), depth + 1)
    for name in known or ():
        if name != spec.discriminator and name not in {field.name for field in inside}:
            yield _unknown(join(path, str(name)), value[name], depth + 1)


def _parameters(draft: Draft, row: Row, depth: int) -> Iterator[Row]:
    """A mapping whose keys depend on another field: its parameters as fields of their own."""
    assert row.spec is not None
    variant = row.spec.variant(effective(draft, row.spec.variant_by))
    if variant is None or (row.value is not None and not isinstance(row.value, Mapping)):
        yield row
        return
    for field in variant.fields:
        for inside in _field(draft, field, join(row.path, field.name), depth):
            yield replace(inside, relevant=row.relevant)
    given: Mapping[str, Any] = row.value if isinstance(row.value, Mapping) else {}
    for name, value in given.items():
        if name not in {field.name for field in variant.fields}:
            yield _unknown(join(row.path, str(name)), value, depth)


def _unknown(path: str, value: Any, depth: int) -> Row:
    return Row("unknown", path, path.rpartition(".")[2], depth, None, value, True, True, removable=True)


def effective(draft: Draft, path: str) -> Any:
    """What holds at a path that is in no list: the value as typed, else the default."""
    specs: tuple[FieldSpec, ...] = model_specs()
    spec: FieldSpec | None = None
    for part in parse_path(path):
        spec = next((each for each in specs if each.name == part), None)
        if spec is None:
            return None
        specs = spec.fields
    return None if spec is None else _value(draft, spec, path)[0]


def _value(draft: Draft, spec: FieldSpec, path: str) -> tuple[Any, bool]:
    """What holds at a path, and whether the draft says it itself.

    A section that is missing altogether may have a default of its own that says more than its fields' defaults.
    """
    found = draft.get(path)
    if found is not MISSING:
        return found, True
    absent = absent_section(draft, path)
    if absent is not None:
        section, below = absent
        inside = get_in(section.default, below)
        if inside is not MISSING:
            return inside, False
    return spec.default, False


def absent_section(draft: Draft, path: str) -> tuple[FieldSpec, tuple[Any, ...]] | None:
    """The top-level section above ``path`` when the draft does not mention it but it has a default; and the rest."""
    first, *rest = parse_path(path)
    if first in draft.data or not rest:
        return None
    section = next((spec for spec in model_specs() if spec.name == first), None)
    if section is None or not isinstance(section.default, Mapping):
        return None
    return section, tuple(rest)


def _relevant(draft: Draft, spec: FieldSpec) -> bool:
    return not spec.relevant_when or any(when.holds(effective(draft, when.path)) for when in spec.relevant_when)


def _comparable(value: Any) -> Any:
    """Numbers compare by value here: 1 and 1.0 are the same setting."""
    if isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if isinstance(value, list | tuple):
        return [_comparable(item) for item in value]
    return value
