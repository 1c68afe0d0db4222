"""Where the text encoder's weights are while it works: on the device, there in eight bits, or passing through it.

Gemma 3 12B takes 21.9 GB in bf16 and 11.9 GB with its linear layers in eight bits. A device with less room than that
encodes with the same bf16 numbers, two layers at a time; see :mod:`trainer.model.streaming`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

import psutil
import torch

from trainer.files.headers import TensorInfo, read_header

Kind = Literal["whole", "8bit", "streamed"]
_GIB: Final = 2**30
_SPARE: Final = 0.95
"""Of the free memory: the rest is for the allocator's rounding."""
_STATES: Final = 2
"""Copies of all hidden states of a prompt on the device: as they come, and joined for the extractor."""
_WORKING: Final = 32
"""Bytes per number of one layer's input that computing a layer takes: its wide middle, above all."""


@dataclass(frozen=True, slots=True)
class Residence:
    """A decision, and the reason when it is not what was asked for."""

    kind: Kind
    why: str = ""

    @property
    def words(self) -> str:
        """For a line of progress."""
        how = {"whole": "whole", "8bit": "in 8 bits", "streamed": "streamed layer by layer"}[self.kind]
        return f"{how}: {self.why}" if self.why else how


WHOLE: Final = Residence("whole")


@dataclass(frozen=True, slots=True)
class Size:
    """What the language part takes."""

    embedding: int
    """Numbers of the token embedding, which stays as it is in eight bits."""
    rest: int
    """All other numbers."""
    states: int
    """Numbers in all hidden states of one prompt."""
    width: int
    """Numbers in one of them."""

    def needed(self, kind: Kind, itemsize: int) -> int:
        """Bytes on the device while one prompt is encoded, with all weights there."""
        rest = self.rest * (1 if kind == "8bit" else itemsize)
        return itemsize * self.embedding + rest + _STATES * itemsize * self.states + _WORKING * self.width


def size_of(tensors: Mapping[str, TensorInfo], prefix: str, layers: int, length: int) -> Size:
    """From the headers of the weights; ``length`` is how many tokens a prompt is padded to."""
    table = tensors[prefix + "embed_tokens.weight"]
    every = sum(info.numel for name, info in tensors.items() if name.startswith(prefix))
    width = length * table.shape[1]
    return Size(table.numel, every - table.numel, width * (layers + 1), width)


def choose(
    size: Size, device: torch.device, *, in_8bit: bool, streamed: bool, itemsize: int, beside: int, free: int
) -> Residence:
    """What is asked for where it can be had; streamed where it cannot.

    ``beside`` are bytes that will stand next to the text encoder on the device, ``free`` what the device has left.
    """
    if streamed:
        return Residence("streamed")
    eight = in_8bit and device.type == "cuda"
    why = "its 8-bit layers need a CUDA device" if in_8bit and not eight else ""
    kind: Kind = "8bit" if eight else "whole"
    needed = size.needed(kind, itemsize) + beside
    if needed <= free * _SPARE:
        return Residence(kind, why)
    here = "on the card" if device.type == "cuda" else "in memory"
    room = f"{kind if kind == 'whole' else 'in 8 bits'} it needs {needed / _GIB:.1f} GB and {free / _GIB:.1f} are free"
    return Residence("streamed", f"{room} {here}")


def free_bytes(device: torch.device) -> int:
    """What may still be allocated on the device; for a processor the host's memory."""
    if device.type != "cuda":
        return int(psutil.virtual_memory().available)
    unused = torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
    return int(torch.cuda.mem_get_info(device)[0] + unused)


def bytes_in(paths: tuple[Path, ...], prefix: str) -> int:
    """What the tensors of this prefix take in the files, each counted once."""
    found: dict[str, int] = {}
    for path in paths:
        for name, info in read_header(path).tensors.items():
            if name.startswith(prefix):
                found.setdefault(name, info.nbytes)
    return sum(found.values())
