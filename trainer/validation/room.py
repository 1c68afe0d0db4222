"""Memory for decoding: the transformer steps aside when the card cannot hold both."""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Callable, Iterator
from typing import TypeVar

import torch
from torch import nn

from schemas.errors import EnvironmentFault
from trainer.model.out_of_memory import is_out_of_memory
from trainer.model.shells import plain_tensors
from trainer.model.swap import park, unpark
from trainer.model.text_residence import free_bytes
from trainer.validation.entries import free_memory

T = TypeVar("T")


class StrandedError(EnvironmentFault):
    """What made room cannot return to its device: the run cannot go on, its state can still be saved."""


def come_back(move: Callable[[], None], device: torch.device) -> None:
    """``move`` something back to ``device`` where it came from; tried again when the memory is full of leftovers.

    ``move`` may be called again after it went half way. Raises StrandedError when memory does not suffice.
    """
    for _ in range(2):
        try:
            move()
        except RuntimeError as error:
            if not is_out_of_memory(error):
                raise
            reason = str(error).splitlines()[0]
        else:
            return
        # Outside the handler: its traceback would keep what filled the memory.
        free_memory(device)
    raise StrandedError(
        "what had made room for validation does not fit on the device any more",
        why=reason,
        hint="end what else uses this device and run the same command again; smaller samples need less room",
    )


def with_room(work: Callable[[], T], module: nn.Module, device: torch.device, needed: int = 0) -> T:
    """The result of ``work``, which is estimated to take ``needed`` bytes.

    Where that is more than is free, ``module`` waits on the CPU meanwhile; also when memory runs out against the
    estimate, and ``work`` is tried again. Raises what says so when that does not suffice either, StrandedError when
    ``module`` cannot come back.
    """
    if needed <= free_bytes(device):
        try:
            return work()
        except RuntimeError as error:
            if not is_out_of_memory(error):
                raise
        # Outside the handler: its traceback would keep what filled the memory.
    free_memory(device)
    with set_aside(module):
        free_memory(device)
        return work()


@contextlib.contextmanager
def set_aside(module: nn.Module) -> Iterator[None]:
    """Weights and buffers on the CPU meanwhile; each one back on its own device afterwards.

    The parameters stay the same objects, so an optimizer keeps its hold on them. Raises StrandedError when their
    device has no room for them any more.
    """
    moved: list[tuple[torch.Tensor, torch.device]] = []
    try:
        park(module)  # blocks that wait in host memory anyway only give up their places on the device
        everything = itertools.chain(module.parameters(), module.buffers())
        for tensor in itertools.chain.from_iterable(map(plain_tensors, everything)):
            if tensor.device.type not in ("cpu", "meta"):
                moved.append((tensor, tensor.device))
                tensor.data = tensor.data.to("cpu")
        yield
    finally:
        come_back(lambda: _return(moved, module), moved[0][1] if moved else torch.device("cpu"))


def _return(moved: list[tuple[torch.Tensor, torch.device]], module: nn.Module) -> None:
    for tensor, home in moved:
        tensor.data = tensor.data.to(home)
    unpark(module)
