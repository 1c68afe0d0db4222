"""What this machine has: its card, asked of the driver's own tool so that no library is loaded, and its memory."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Final

from presets.gpus import find_gpus

_ALIKE: Final = 0.03
"""A card of 24 GB may report 23.5."""


@dataclass(frozen=True, slots=True)
class Card:
    """A graphics card."""

    name: str
    """As its driver gives it; empty when that is not known."""
    memory: int
    """Bytes."""


def card() -> Card | None:
    """The smallest NVIDIA card here; None when there is none or its driver does not answer."""
    cards = [Card(gpu.name, gpu.total) for gpu in find_gpus()]
    return min(cards, key=lambda found: found.memory, default=None)


def card_of_size(memory: int) -> Card:
    """A card of so many bytes: that of this machine when it is about as large, so that what ran on it counts."""
    here = card()
    same = here is not None and abs(here.memory / memory - 1) < _ALIKE
    return Card(here.name if here is not None and same else "", memory)


def card_bytes() -> int | None:
    """Memory of the smallest NVIDIA card here; None when none is known."""
    found = card()
    return None if found is None else found.memory


def host_memory() -> int | None:
    """All memory of this machine in bytes; None where the system does not say."""
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError):
        return None
