"""Fields described for people: in a terminal, as JSON, as a page of documentation."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from typing import Any, Final

from pydantic import BaseModel

from schemas.config import LtxTrainerConfig
from schemas.emitting import inline
from schemas.fieldspec import FieldSpec, Variant
from schemas.legacy_keys import LEGACY_STRATEGIES, LegacyValidationKeys
from schemas.prepare import PrepareOptions
from schemas.spec import fields, model_specs

_KINDS: Final = {
    "bool": "true or false",
    "int": "whole number",
    "float": "number",
    "str": "text",
    "text": "text",
    "path": "path",
    "choice": "one of a few words",
    "dict": "named parameters",
    "model": "section",
    "union": "section of one of several types",
}
_STRICTER: Final = """## Stricter than other trainers

What loads here loads elsewhere too. The reverse does not hold for these, each of which would fail later or be ignored:

- Unknown keys, keys given twice, YAML tags, merge keys (`<<`) and more than one document are errors.
- Whole numbers are written as such (`20`, not `20.0`, `"20"` or `true`), yes-no values as `true` or `false`.
- Above 0: `learning_rate` (at most 1), `frame_rate`, `duration`. At least 1: `steps`, `batch_size`,
  `gradient_accumulation_steps`, sizes and frames. At least 0: `max_grad_norm`, seeds, `stg_blocks`.
- `spatial_region` holds at least one pixel and no negative coordinate.
- `target_modules`, `latents_dir`, `mask_dir` and paths are not empty; paths are not URLs.
- `scheduler_params` and `timestep_sampling_params` hold only what the chosen schedule or sampler knows, within bounds.
- `num_frames`, `downscale_factor`, `temporal_scale_factor` and `include_in_output` belong to video, `duration` to
  audio; with the other one they are refused rather than ignored.
- A sample that is given its whole video needs `generate_audio`, one that is given its whole sound `generate_video`.
- Quantization with `training_mode: full` is refused when the file is read, not after the model was loaded.
"""
_LONG: Final = 80
"""Defaults longer than this are shown in part."""


def type_words(spec: FieldSpec) -> str:
    """The type of a field in words."""
    if spec.kind == "choice":
        words = " | ".join(map(str, spec.choices))
    elif spec.kind == "tuple" and spec.item is not None:
        words = f"list of {spec.length} {type_words(spec.item)}s"
    elif spec.kind == "list" and spec.item is not None:
        words = f"list of {type_words(spec.item).replace('section', 'sections').replace('number', 'numbers')}"
        words = words.replace("list of path", "list of paths")
    else:
        words = " | ".join([_KINDS[spec.kind], *spec.words])
    return f"{words}, or null" if spec.nullable else words


def default_words(spec: FieldSpec) -> str:
    """The default of a field as YAML; ``required`` when it has none."""
    if spec.required:
        return "required"
    text = inline(spec.default, plain=True)
    return text if len(text) <= _LONG else text[: _LONG - 3] + "..."


def facts(spec: FieldSpec) -> Iterator[tuple[str, str]]:
    """Everything worth saying about a field beside its description, as label and text."""
    yield "type", type_words(spec)
    yield "range", spec.bounds()
    yield "unit", spec.unit
    yield "default", "" if spec.kind in ("model", "union") and spec.required else default_words(spec)
    yield "recommended", "" if spec.recommended is None else inline(spec.recommended, plain=True)
    yield "example", "" if spec.example is None else inline(spec.example, plain=True)
    yield "memory", spec.effect_memory
    yield "speed", spec.effect_speed
    yield "quality", spec.effect_quality
    yield "matters", f"while {' or '.join(map(str, spec.relevant_when))}" if spec.relevant_when else ""
    yield "fields", ", ".join(below.name for below in spec.fields)
    yield "ours", "unknown to other trainers; written only when it is changed" if spec.extension else ""
    yield "deprecated", f"use {spec.deprecated}" if spec.deprecated else ""


def explain_text(spec: FieldSpec) -> Iterator[str]:
    """One field as lines for a terminal."""
    yield f"{spec.path}  ({spec.title})"
    yield f"  {spec.description.rstrip('.')}."
    yield ""
    for label, text in facts(spec):
        if text:
            yield f"  {label:<12} {text}"
    for variant in _alternatives(spec):
        yield ""
        yield f"  {variant.tag}: {variant.description}"
        for field in variant.fields:
            if field.name != "type":
                yield f"    {field.name:<22} {field.description} [{default_words(field)}]"


def _alternatives(spec: FieldSpec) -> tuple[Variant, ...]:
    inner = spec.item
    return spec.variants or (inner.variants if inner else ())


def explain_data(spec: FieldSpec) -> dict[str, Any]:
    """One field as plain JSON."""
    data: dict[str, Any] = _without_empty(asdict(spec))
    data["relevant_when"] = [str(when) for when in spec.relevant_when]
    return {"path": spec.path, "bounds": spec.bounds(), **data}


def _without_empty(value: Any) -> Any:
    if isinstance(value, dict):
        kept = {key: _without_empty(item) for key, item in value.items()}
        return {key: item for key, item in kept.items() if key == "default" or item not in (None, "", [], ())}
    return [_without_empty(item) for item in value] if isinstance(value, list | tuple) else value


def markdown(model: type[BaseModel] = LtxTrainerConfig) -> str:
    """The page that documents every field of a configuration and of ``prepare``."""
    lines = [
        "# Configuration",
        "",
        "<!-- Generated: ltx2-wizard explain --all --markdown > docs/configuration.md -->",
        "",
        "Every field of a training configuration, then the options of `prepare`. The same is said by",
        "`ltx2-wizard explain FIELD`, by the comments of a file that `ltx2-wizard init` writes, and by the form.",
        "",
        "Files of the previous generation are read too: see [Older keys](#older-keys).",
        "",
    ]
    for spec in model_specs(model):
        lines.extend(_chapter(spec))
    lines.extend(_older())
    lines.extend([*_STRICTER.splitlines(), ""])
    lines.extend(_options())
    return "\n".join(lines).rstrip() + "\n"


def _chapter(spec: FieldSpec) -> Iterator[str]:
    yield f"## `{spec.path}`"
    yield ""
    yield f"{spec.description}."
    yield ""
    if spec.kind != "model":
        yield from _table((spec,))
        return
    simple = [field for field in spec.fields if field.kind != "model"]
    yield from _table(simple)
    for field in spec.fields:
        if field.kind == "model":
            yield f"### `{field.path}`"
            yield ""
            yield f"{field.description}. Default: `{default_words(field)}`."
            yield ""
            yield from _table(field.fields)
            for inner in field.fields:
                if field.name == "video":  # both modalities hold the same conditions: once is enough
                    yield from _variants(inner)
    for field in simple:
        yield from _variants(field)


def _variants(spec: FieldSpec) -> Iterator[str]:
    item = spec.item
    if item is not None and item.kind == "model":
        yield from _heading(f"One item of `{spec.path}`", item.fields)
        for field in item.fields:
            yield from _variants(field)
    for variant in _alternatives(spec):
        fields = [field for field in variant.fields if field.name != "type"]
        by = f"{spec.variant_by.split('.')[-1]}: " if spec.variant_by else "type: "
        yield f"#### `{spec.path}` with `{by}{variant.tag}`"
        yield ""
        yield variant.description
        yield ""
        yield from _table(fields)


def _heading(title: str, fields: tuple[FieldSpec, ...]) -> Iterator[str]:
    yield f"#### {title}"
    yield ""
    yield from _table(fields)


def _table(fields: tuple[FieldSpec, ...] | list[FieldSpec]) -> Iterator[str]:
    if not fields:
        return
    yield "| Field | Type | Default | Meaning |"
    yield "|---|---|---|---|"
    for spec in fields:
        kind = type_words(spec).replace("|", "\\|") + (f"; {spec.bounds()}" if spec.bounds() else "")
        yield f"| `{spec.name}` | {kind} | `{default_words(spec)}` | {_meaning(spec)} |"
    yield ""


def _meaning(spec: FieldSpec) -> str:
    shown = ("unit", "recommended", "memory", "speed", "quality", "matters", "ours", "deprecated")
    parts = [f"*{label}*: {text}" for label, text in facts(spec) if text and label in shown]
    return "<br>".join([spec.description.replace("|", "\\|") + ".", *parts])


def _older() -> Iterator[str]:
    yield "## Older keys"
    yield ""
    yield "Read as their successors, with a note; never written."
    yield ""
    yield from _heading("In `validation`", model_specs(LegacyValidationKeys))
    for name, model in LEGACY_STRATEGIES.items():
        yield from _heading(f"`training_strategy` with `name: {name}`", _unnamed(model))


def _unnamed(model: type[BaseModel]) -> tuple[FieldSpec, ...]:
    return tuple(spec for spec in model_specs(model) if spec.name != "name")


def _options() -> Iterator[str]:
    yield "## Options of `prepare`"
    yield ""
    yield "On the command line with dashes: `--resolution-buckets`."
    yield ""
    yield from _table(model_specs(PrepareOptions))


def all_lines(model: type[BaseModel] = LtxTrainerConfig) -> Iterator[str]:
    """One line per field: path, default, meaning."""
    for spec in fields(model):
        yield f"{spec.path:<52} {default_words(spec)[:24]:<24} {spec.description}"
