"""What block swap costs: seconds of a training step with 0, 10 and 28 of 48 blocks in host memory, on a CUDA card.

A full-size random LTX-2.3, video and audio, rank 16, all blocks recomputed. On a processor there is no bus to cross and
nothing to hide behind, so that nothing is measured there.
"""

from __future__ import annotations

import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from benchmarks.vram import Row
from presets.memory import GIB
from schemas import LtxTrainerConfig

SWAPPED: Final = (0, 10, 28)
KINDS: Final = ("int8-quanto", None)
SIZES: Final = ((576, 576, 49), (960, 544, 89))
RANK: Final = 16
TIER: Final = 80
_UNCAPPED: Final = 2**50


@dataclass(frozen=True, slots=True)
class SwapRow(Row):
    """A run with so many blocks swapped, on whatever card there is."""

    swapped: int
    kind: str | None

    @property
    def card(self) -> int:
        return _UNCAPPED

    def config(self) -> LtxTrainerConfig:
        """The preset with all weights held as this row wants them."""
        config = Row.config(self)
        changes = {"quantization": self.kind, "blocks_to_swap": self.swapped, "blocks_to_recompute": "all"}
        return config.model_copy(update={"acceleration": config.acceleration.model_copy(update=changes)})


def rows() -> list[SwapRow]:
    return [SwapRow(TIER, RANK, size, count, kind) for kind in KINDS for size in SIZES for count in SWAPPED]


def main() -> None:
    """Print a table, or why there is none."""
    from benchmarks.vram_card import HEADER, card_name, measure

    name = card_name()
    if name is None:
        sys.stdout.write("skipped: block swap is measured on a CUDA card, and none is here\n")
        return

    import torch

    from tests.support.sparse import write_real

    total = torch.cuda.get_device_properties(0).total_memory
    sys.stdout.write(
        f"{name}\n\n| weights | size | swapped | allocated GB | s/step | beside none |\n|---|---|---|---|---|---|\n"
    )
    with tempfile.TemporaryDirectory() as folder:
        path = write_real(Path(folder), HEADER)
        plain = 0.0
        for row in rows():
            found = measure(row, path, total)
            start = f"| {row.kind or 'bf16'} | {'x'.join(map(str, row.size))} | {row.swapped} "
            if isinstance(found, str):
                sys.stdout.write(f"{start}| {found} | | |\n")
                continue
            plain = found.seconds if row.swapped == 0 else plain
            beside = f"x {found.seconds / plain:.2f}" if plain else "-"
            sys.stdout.write(f"{start}| {found.allocated / GIB:.2f} | {found.seconds:.3f} | {beside} |\n")
