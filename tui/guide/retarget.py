"""Another goal or another card for a draft that has been worked on: what the person changed stays."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from typing import Any, Final

import presets
from schemas.paths import Parts, get_in, set_in
from tui.forms.draft import Draft, same

OF_THE_GOAL: Final = ("training_strategy", "validation", "lora", "output_dir")
"""Where the new choice wins over a change of the person's, if both want the same field different."""
BLANK: Final = "t2v_lora"
"""What a new draft holds before a goal is chosen."""


def choose(draft: Draft, preset: str | None, vram: float | None) -> None:
    """Carry a draft over to another preset (None: none chosen yet) or another card, as one change.

    Raises ConfigError for an unknown preset or a card below all tiers, and then changes nothing.
    """
    new = presets.load(preset or BLANK, vram=vram)
    old = draft.base if draft.base is not None else presets.load(draft.preset or BLANK, vram=draft.vram)
    draft.migrate(retarget(draft.data, old, new))
    draft.preset, draft.vram, draft.base = preset, vram, new if preset is not None else None


def retarget(mine: Mapping[str, Any], old: Mapping[str, Any], new: Mapping[str, Any]) -> dict[str, Any]:
    """``mine``, which began as ``old``, carried over to ``new``.

    A field the person left alone takes the new value. One they changed keeps their value, unless it belongs to what
    the choice is about and the choice changes it too. Lists count as one field.
    """
    result = copy.deepcopy(dict(new))
    for path, value in _leaves(mine):
        before, after = get_in(old, path), get_in(new, path)
        if same(value, before) or (path[0] in OF_THE_GOAL and not same(before, after)):
            continue
        set_in(result, path, copy.deepcopy(value))
    return result


def _leaves(data: Mapping[str, Any], above: Parts = ()) -> Iterator[tuple[Parts, Any]]:
    for name, value in data.items():
        path = (*above, name)
        if isinstance(value, Mapping) and value:
            yield from _leaves(value, path)
        else:
            yield path, value
