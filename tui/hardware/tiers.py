"""Setting a draft up for a card of some size."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

import presets
from presets.overlays import read
from schemas.errors import WizardError
from schemas.paths import MISSING, Parts, delete_in, get_in, set_in
from tui.forms.draft import Draft

_WORDS: Final[Mapping[Parts, str]] = {
    ("lora", "rank"): "rank {}",
    ("acceleration", "quantization"): "{} weights",
    ("acceleration", "blocks_to_swap"): "{} blocks swapped",
    ("acceleration", "blocks_to_recompute"): "{} blocks recompute",
    ("optimization", "optimizer_type"): "{}",
}
"""Settings that tell one tier from another, in a few words each."""


_SWAPPED: Final[Parts] = ("acceleration", "blocks_to_swap")


@dataclass(frozen=True, slots=True)
class Tier:
    """A size of card there are settings for."""

    size: int
    """GB."""
    config: Mapping[str, Any]
    """What it sets."""

    def words(self, layers: int | None = None) -> str:
        """The same, shortly, for a model of so many blocks."""
        given = dict(leaves(self.config))
        swapped = given.get(_SWAPPED)
        if layers is not None and isinstance(swapped, int):
            given[_SWAPPED] = min(swapped, layers)
        said = [words.format(given[path]) for path, words in _WORDS.items() if given.get(path) not in (None, 0)]
        return ", ".join(said).replace("-quanto", "") or "the preset as it is"


def tiers() -> tuple[Tier, ...]:
    """All of them, the smallest first."""
    return tuple(Tier(size, read(f"tiers/{size}")["config"]) for size in presets.tiers())


def for_tier(draft: Draft, size: int, layers: int | None = None) -> dict[str, Any]:
    """The draft's data with everything that any tier decides set as this tier has it; the rest stays.

    What another tier had changed goes back to the preset. Without a known preset only this tier's own settings are
    put in. ``layers``: blocks of the model, which no more can be swapped of.
    """
    data = copy.deepcopy(draft.data)
    wanted = _of_preset(draft.preset, size)
    paths = [path for tier in presets.tiers() for path, _ in leaves(read(f"tiers/{tier}")["config"])]
    own = dict(leaves(read(f"tiers/{size}")["config"]))
    for path in dict.fromkeys(paths):
        value = own.get(path, MISSING) if wanted is None else get_in(wanted, path)
        if value is not MISSING:
            set_in(data, path, copy.deepcopy(value))
        elif wanted is not None and get_in(data, path) is not MISSING:
            delete_in(data, path)
    swapped = get_in(data, _SWAPPED)
    if layers is not None and isinstance(swapped, int) and swapped > layers:
        set_in(data, _SWAPPED, layers)
    return data


def leaves(data: Mapping[str, Any], above: Parts = ()) -> Iterator[tuple[Parts, Any]]:
    """Every value of nested sections with its path."""
    for key, value in data.items():
        if isinstance(value, Mapping):
            yield from leaves(value, (*above, key))
        else:
            yield (*above, key), value


def _of_preset(preset: str | None, size: int) -> dict[str, Any] | None:
    if preset is None:
        return None
    try:
        return presets.load(preset, vram=size)
    except WizardError:
        return None
