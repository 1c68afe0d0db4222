"""The linear modules a draft can adapt: of its checkpoint, or of the published model when there is none here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Final

from presets.memory import PUBLISHED
from presets.memory.shapes import layout
from schemas.errors import WizardError
from trainer.files.checkpoint import read_checkpoint
from trainer.preflight.modules import Module, linear_modules, present
from tui.forms.draft import Draft
from tui.forms.rows import effective

ASSUMED: Final = "2.3"
"""The release whose architecture is shown while no checkpoint can be read."""


@dataclass(frozen=True, slots=True)
class Known:
    """What there is to choose from."""

    modules: tuple[Module, ...]
    """All of the model, those that the run does not load included."""
    loaded: frozenset[str]
    """Names of those in memory with the modalities of the run."""
    source: str
    """Where the list comes from, in words."""


def known_modules(draft: Draft) -> Known:
    """Read the checkpoint's header, or fall back on the published architecture."""
    path = effective(draft, "model.model_path")
    modules, source = _of_file(path) if isinstance(path, str) and path else _published("no checkpoint is named yet")
    video, audio = (isinstance(effective(draft, f"training_strategy.{name}"), Mapping) for name in ("video", "audio"))
    loaded = frozenset(module.name for module in present(modules, video=video, audio=audio))
    return Known(modules, loaded, source)


def _of_file(path: str) -> tuple[tuple[Module, ...], str]:
    file = Path(path).expanduser()
    try:
        stamp = file.stat().st_mtime_ns
        return _header(file, stamp), f"from the header of {file.name}"
    except OSError:
        return _published(f"{file.name} is not on this machine")
    except WizardError as error:
        return _published(error.message)


@lru_cache(maxsize=4)
def _header(file: Path, _stamp: int) -> tuple[Module, ...]:
    return linear_modules(read_checkpoint(file))


def _published(reason: str) -> tuple[tuple[Module, ...], str]:
    return published_modules(), f"as in LTX-{ASSUMED} ({reason})"


@lru_cache(maxsize=1)
def published_modules() -> tuple[Module, ...]:
    """Every linear module of the published transformer, blocks in order, then what lies outside them."""
    shape = layout(PUBLISHED[ASSUMED])
    blocks = tuple(
        Module(f"transformer_blocks.{index}.{linear.name}", linear.fan_in, linear.fan_out)
        for index in range(shape.layers)
        for linear in shape.block
    )
    return blocks + tuple(Module(linear.name, linear.fan_in, linear.fan_out) for linear in shape.root)
