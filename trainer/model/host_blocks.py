"""Frozen weights of some blocks in host memory: all of a block in one flat piece, so that one copy fetches it.

The pieces are taken from the system directly. torch's own pinned memory comes in powers of two, which for 28 blocks of
0.39 GB would waste as much again as a third of them; and memory of the C library is kept by the process after use.
"""

from __future__ import annotations

import contextlib
import mmap
import weakref
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import torch
from torch import Tensor, nn

from schemas.errors import EnvironmentFault
from trainer.model.host_memory import give_back
from trainer.model.reading import Place
from trainer.model.shells import plain_tensors, rebuilt

_ALIGN: Final = 256
"""Each tensor begins at a multiple of this, as the device's own allocator would have it."""


@dataclass(frozen=True, slots=True)
class Room:
    """Where one plain tensor lies in a block's memory."""

    start: int
    nbytes: int
    dtype: torch.dtype
    shape: tuple[int, ...]

    def of(self, memory: Tensor) -> Tensor:
        """The tensor, in this or any other memory laid out the same way; it has no history in common with it."""
        return memory[self.start : self.start + self.nbytes].view(self.dtype).view(self.shape).data


@dataclass(frozen=True)
class HostBlock:
    """One block's frozen parameters."""

    index: int
    memory: Tensor
    """Bytes."""
    rooms: Mapping[str, tuple[Room, ...]]
    """By the parameter's name in the block; several where a tensor is a shell around others."""


class HostBlocks:
    """A place for what is read of the blocks ``indices``: their parameters end in host memory, a piece per block.

    ``inner`` is asked first, so that a weight may be quantized on the device on its way; no more than that one weight
    is there at a time. A block is packed when its last parameter has come.
    """

    def __init__(
        self,
        blocks: nn.ModuleList,
        prefix: str,
        indices: Iterable[int],
        *,
        dtype: torch.dtype,
        pin: bool,
        inner: Place | None = None,
    ) -> None:
        self.dtype, self.pin, self.inner = dtype, pin, inner
        self.packed: dict[int, HostBlock] = {}
        self._missing = {index: {name for name, _ in blocks[index].named_parameters()} for index in indices}
        self._place = {
            f"{prefix}.{index}.{name}": (index, name) for index, names in self._missing.items() for name in names
        }
        self._arrived: dict[int, dict[str, Tensor]] = {index: {} for index in self._missing}

    def __call__(self, name: str, stored: Tensor) -> Tensor | None:
        """As ``reading.Place``."""
        held = None if self.inner is None else self.inner(name, stored)
        if name not in self._place:
            return held
        index, own = self._place[name]
        arrived = rebuilt(stored.to(self.dtype) if held is None else held, lambda tensor: tensor.cpu())
        self._arrived[index][own] = arrived
        self._missing[index].remove(own)
        if not self._missing[index]:
            self.packed[index] = _packed(index, self._arrived.pop(index), pin=self.pin)
            give_back()
        return arrived


def _packed(index: int, tensors: Mapping[str, Tensor], *, pin: bool) -> HostBlock:
    """Move the contents of tensors into one piece of memory. The tensors remain, and lie there from now on."""
    rooms: dict[str, tuple[Room, ...]] = {}
    size = 0
    for name, tensor in tensors.items():
        found = []
        for held in plain_tensors(tensor):
            found.append(Room(size, held.nbytes, held.dtype, tuple(held.shape)))
            size += -(-held.nbytes // _ALIGN) * _ALIGN
        rooms[name] = tuple(found)
    memory = host_memory(size, pin=pin)
    for name, tensor in tensors.items():
        for room, held in zip(rooms[name], plain_tensors(tensor), strict=True):
            place = room.of(memory)
            place.copy_(held)
            held.data = place
    return HostBlock(index, memory, rooms)


def host_memory(size: int, *, pin: bool, runtime: Any = None) -> Tensor:
    """Bytes of host memory; pinned, a device copies from them while both go on computing.

    ``runtime`` pins: that of CUDA unless another is given. Raises EnvironmentFault when it refuses.
    """
    held = mmap.mmap(-1, max(size, 1), flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    memory = torch.frombuffer(held, dtype=torch.uint8)
    if pin:
        _pin(memory, held, torch.cuda.cudart() if runtime is None else runtime)
    return memory


def _pin(memory: Tensor, held: mmap.mmap, runtime: Any) -> None:
    with contextlib.suppress(OSError):
        # The processes that load clips are forked from this one, and at a fork the kernel copies what is pinned: all
        # swapped blocks, for each of them.
        held.madvise(mmap.MADV_DONTFORK)
    address = memory.data_ptr()
    failed = int(runtime.cudaHostRegister(address, memory.nbytes, 0))
    if failed:
        raise EnvironmentFault(
            f"{memory.nbytes / 2**30:.2f} GB more of host memory cannot be pinned (CUDA error {failed})",
            where="acceleration.blocks_to_swap",
            why="swapped blocks wait in memory that the card can read by itself",
            hint="swap fewer blocks, or allow this process or container more locked memory",
        )

    def unpin(_memory: mmap.mmap) -> None:
        runtime.cudaHostUnregister(address)

    # What unpins holds the mapping, so that it is unpinned before it goes.
    weakref.finalize(memory, unpin, held).atexit = False
