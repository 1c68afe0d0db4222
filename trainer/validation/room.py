"""Memory for decoding: the transformer steps aside when the card cannot hold both."""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Callable, Iterator
from typing import TypeVar

import torch
from torch import nn

from trainer.model.shells import plain_tensors
from trainer.validation.entries import free_memory

T = TypeVar("T")


def with_room(work: Callable[[], T], module: nn.Module, device: torch.device) -> T:
    """The result of ``work``. If memory runs out, ``module`` waits on the CPU while it is tried again.

    Raises torch.OutOfMemoryError when that does not suffice either.
    """
    try:
        return work()
    except torch.OutOfMemoryError:
        pass
    # Outside the handler: its traceback would keep what filled the memory.
    free_memory(device)
    with set_aside(module):
        free_memory(device)
        return work()


@contextlib.contextmanager
def set_aside(module: nn.Module) -> Iterator[None]:
    """Weights and buffers on the CPU meanwhile; each one back on its own device afterwards.

    The parameters stay the same objects, so an optimizer keeps its hold on them.
    """
    moved: list[tuple[torch.Tensor, torch.device]] = []
    try:
        everything = itertools.chain(module.parameters(), module.buffers())
        for tensor in itertools.chain.from_iterable(map(plain_tensors, everything)):
            if tensor.device.type not in ("cpu", "meta"):
                moved.append((tensor, tensor.device))
                tensor.data = tensor.data.to("cpu")
        yield
    finally:
        for tensor, device in moved:
            tensor.data = tensor.data.to(device)
