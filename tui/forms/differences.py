"""What differs between two configurations that may both be unfinished, and the commands that say the same."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from schemas.emitting import inline
from schemas.fieldspec import FieldSpec
from schemas.paths import join
from schemas.spec import model_specs
from tui.forms.draft import Draft, equal, same

PROGRAM = "ltx2-wizard"


@dataclass(frozen=True, slots=True)
class Difference:
    """One value that is not the same on both sides, defaults counted as if they were written."""

    path: str
    spec: FieldSpec | None
    before: Any
    after: Any


def differences(
    before: Mapping[str, Any], after: Mapping[str, Any], specs: tuple[FieldSpec, ...], prefix: str = ""
) -> Iterator[Difference]:
    """Field by field in document order; lists of sections item by item while they have the same length and kinds."""
    for spec in specs:
        old, new = (side.get(spec.name, spec.default) for side in (before, after))
        yield from _between(spec, join(prefix, spec.name), old, new)
    known = {spec.name for spec in specs}
    for name in dict.fromkeys([*before, *after]):
        if name not in known and not same(before.get(name), after.get(name)):
            yield Difference(join(prefix, str(name)), None, before.get(name), after.get(name))


def _between(spec: FieldSpec, path: str, old: Any, new: Any) -> Iterator[Difference]:
    if equal(old, new):
        return
    inner = _fields(spec, old, new)
    if inner is not None:
        yield from differences(old, new, inner, path)
    elif spec.kind == "list" and spec.item is not None and _pairs(spec.item, old, new):
        for index, (one, other) in enumerate(zip(old, new, strict=True)):
            yield from _between(spec.item, f"{path}[{index}]", one, other)
    else:
        yield Difference(path, spec, old, new)


def _fields(spec: FieldSpec, old: Any, new: Any) -> tuple[FieldSpec, ...] | None:
    """The fields to compare one by one, when both sides are sections of the same kind."""
    if not isinstance(old, Mapping) or not isinstance(new, Mapping):
        return None
    if spec.kind == "model":
        return spec.fields
    if spec.kind == "union" and old.get(spec.discriminator) == new.get(spec.discriminator):
        variant = spec.variant(new.get(spec.discriminator))
        return variant.fields if variant is not None else None
    return None


def _pairs(item: FieldSpec, old: Any, new: Any) -> bool:
    if not isinstance(old, list) or not isinstance(new, list) or len(old) != len(new):
        return False
    return all(_fields(item, one, other) is not None for one, other in zip(old, new, strict=True))


def from_preset(draft: Draft) -> tuple[Difference, ...] | None:
    """What the draft changes in its preset; None when no preset is known."""
    if draft.base is None:
        return None
    return tuple(differences(draft.base, draft.data, model_specs(draft.model)))


# ------------------------------------------------------------------ the same as a command


def init_arguments(draft: Draft, output: str | None = None) -> list[str] | None:
    """The command line that writes this configuration without a terminal; None when there is nothing to start from."""
    if draft.base is not None and draft.preset is not None:
        start = ["--preset", draft.preset]
        if draft.vram is not None:
            start += ["--vram", f"{draft.vram:g}"]
        base = draft.base
    elif draft.document is not None and draft.path is not None:
        start, base = ["--from", str(draft.path)], draft.document.data()
    else:
        return None
    sets = [
        f"{change.path}={argument(change.spec, change.after)}"
        for change in differences(base, draft.data, model_specs(draft.model))
    ]
    arguments = [PROGRAM, "init", *start]
    for text in sets:
        arguments += ["--set", text]
    return [*arguments, "-o", output] if output else arguments


def argument(spec: FieldSpec | None, value: Any) -> str:
    """``value`` as the text that ``--set`` reads back as the same."""
    textual = spec is not None and spec.kind in ("str", "text", "path", "choice")
    if not textual or not isinstance(value, str):
        return inline(value)
    assert spec is not None
    mistaken = value.strip().startswith(('"', "'")) or (spec.nullable and value.strip() in ("null", "~", ""))
    return inline(value) if mistaken else value


def shell_lines(arguments: list[str]) -> list[str]:
    """A command as lines to paste into a POSIX shell, one option a line."""
    program, options = arguments[:2], arguments[2:]
    lines = [shlex.join(program)]
    lines += [f"    {option} {shlex.quote(value)}" for option, value in zip(options[::2], options[1::2], strict=True)]
    return [line + " \\" for line in lines[:-1]] + lines[-1:]
