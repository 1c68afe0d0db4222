"""Host memory of swapped blocks: laid out, pinned, given back."""

from __future__ import annotations

import gc
import sys
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from schemas.errors import EnvironmentFault
from trainer.model.host_blocks import HostBlocks, Room, host_memory
from trainer.model.quantize import TYPES, dequantized, quantized
from trainer.model.shells import plain_tensors


class Runtime:
    """What there is of CUDA's runtime without a card: it remembers what was asked."""

    def __init__(self, answer: int = 0) -> None:
        self.answer = answer
        self.pinned: dict[int, int] = {}

    def cudaHostRegister(self, address: int, size: int, flags: int) -> int:
        if not self.answer:
            self.pinned[address] = size
        return self.answer

    def cudaHostUnregister(self, address: int) -> int:
        del self.pinned[address]
        return 0


def test_memory_is_unpinned_before_it_goes() -> None:
    runtime = Runtime()
    memory = host_memory(10_000, pin=True, runtime=runtime)
    assert runtime.pinned == {memory.data_ptr(): 10_000}
    assert memory.data_ptr() % 4096 == 0
    view = Room(256, 8, torch.float32, (2,)).of(memory)
    del memory
    gc.collect()
    assert runtime.pinned == {}
    assert view.fill_(1).tolist() == [1, 1]


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the flags of a mapping are Linux's")
def test_pinned_memory_is_not_copied_for_the_processes_that_load_clips() -> None:
    flags = {}
    for pin in (False, True):
        memory = host_memory(10_000, pin=pin, runtime=Runtime())
        start = f"{memory.data_ptr():x}-"
        lines = iter(Path("/proc/self/smaps").read_text().splitlines())
        assert any(line.startswith(start) for line in lines)
        flags[pin] = next(line for line in lines if line.startswith("VmFlags:")).split()
    assert "dc" in flags[True]
    assert "dc" not in flags[False]


def test_a_refusal_to_pin_says_what_to_do() -> None:
    with pytest.raises(EnvironmentFault, match=r"cannot be pinned \(CUDA error 2\)"):
        host_memory(10_000, pin=True, runtime=Runtime(2))


@pytest.mark.parametrize("kind", [None, *TYPES])
def test_a_block_lies_in_one_piece_when_its_last_tensor_has_come(kind: str | None) -> None:
    blocks = nn.ModuleList(nn.Sequential(nn.Linear(256, 8), nn.Linear(8, 256)) for _ in range(3))

    def rounded(name: str, stored: Tensor) -> Tensor | None:
        return None if kind is None or "bias" in name else quantized(stored, TYPES[kind])

    place = HostBlocks(blocks, "blocks", (0, 2), dtype=torch.bfloat16, pin=False, inner=rounded)
    stored = {f"blocks.{name}": tensor.detach().bfloat16() for name, tensor in blocks.named_parameters()}
    held = {}
    for name in sorted(stored, key=lambda name: name.split(".")[1:][::-1]):  # the blocks come in turns
        found = place(name, stored[name])
        assert (found is None) == (name.startswith("blocks.1.") and (kind is None or "bias" in name))
        held[name] = found
    assert sorted(place.packed) == [0, 2]
    for index, block in place.packed.items():
        first, last = block.memory.data_ptr(), block.memory.data_ptr() + block.memory.nbytes
        for name in block.rooms:
            tensor = held[f"blocks.{index}.{name}"]
            assert tensor is not None
            expected = stored[f"blocks.{index}.{name}"]
            for inside, room in zip(plain_tensors(tensor), block.rooms[name], strict=True):
                assert first <= inside.data_ptr() <= inside.data_ptr() + inside.nbytes <= last
                assert inside.data_ptr() % 256 == 0
                assert room.of(block.memory).data_ptr() == inside.data_ptr()
                assert room.of(block.memory).dtype == inside.dtype
            if kind is not None and "bias" not in name:
                expected = dequantized(quantized(expected, TYPES[kind]), torch.bfloat16)
                tensor = dequantized(tensor, torch.bfloat16)
            assert torch.equal(tensor, expected)
