"""What this machine has: its card, asked of the driver's own tool so that no library is loaded, and its memory."""

from __future__ import annotations

import os
import shutil
import subprocess
from dataclasses import dataclass
from typing import Final

_SECONDS: Final = 5
_MIB: Final = 2**20
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
    tool = shutil.which("nvidia-smi")
    if tool is None:
        return None
    query = [tool, "--query-gpu=memory.total,name", "--format=csv,noheader,nounits"]
    try:
        answer = subprocess.run(query, capture_output=True, text=True, timeout=_SECONDS, check=True).stdout
    except (OSError, subprocess.SubprocessError):
        return None
    lines = [line.partition(",") for line in answer.splitlines()]
    cards = [Card(name.strip(), int(size) * _MIB) for size, _, name in lines if size.strip().isdigit()]
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
