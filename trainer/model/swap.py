"""Block swap: frozen weights of some transformer blocks wait in host memory and are fetched when their turn comes.

What is where:

* Every frozen parameter of a swapped block (quantized shells, matrices, biases, norms, tables) lies in one flat piece
  of pinned host memory per block, its master copy, which is never written again (``host_blocks``).
* The device holds two slots, each as large as the largest swapped block. They are allocated once. With one swapped
  block there is one slot; one or two swapped blocks therefore save nothing.
* Adapters, their gradients and the optimizer's state stay on the device, as do blocks that are not swapped.
* So of L blocks with N swapped, the device holds the weights of L - N + min(N, 2) blocks and the host those of N.

Which blocks: N spread evenly over the model (``spread``). A block is then fetched while all blocks between two swapped
ones compute, where N blocks in a row could only be fetched as fast as they are used up.

How a weight is found: the n-th swapped block always lands in slot n mod 2, so its parameters are views of that slot
for good. No parameter is exchanged during a step, and whoever keeps a reference to a weight for the backward pass
(autograd's saved tensors, the frozen product of ``quantize``, recomputation) keeps one to the slot. All that has to
hold is that the slot holds this block's bytes whenever the block computes:

* forward, with or without gradients: ``LtxTransformer`` calls ``enter`` before each block;
* backward: behind each block stands a node of the graph (``behind``) which is reached before anything of the block is
  differentiated or recomputed, and which calls ``enter``. Autograd runs nodes in the reverse order of their making, so
  that when the node of an earlier block is reached, all that was made after it is done.

Views have version counters of their own: filling a slot is no change of a weight in autograd's eyes, and would not
be, since by the time of use the bytes are those of the forward pass again.

When a block is left, its slot is given to the block whose turn comes after the next one's: two further on in the
direction of travel, or, in passes without gradients, the first ones for the next pass. At the turn from forward to
backward, and from one step to the next, the blocks in the slots are the ones that are needed first: no copy at all.

Order on a CUDA device: a copy runs on a stream of its own. It waits for what was queued on the computing stream
before it was asked for, which is all that reads the slot's former content; what computes with the new content waits
for the copy's event. The host waits for nothing.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol, cast

import torch
from torch import Tensor, nn

from presets.memory.run import SWAP_SLOTS
from trainer.model.host_blocks import HostBlock, Room
from trainer.model.shells import rebuilt

SLOTS: Final = SWAP_SLOTS
FORWARD: Final = 1
BACKWARD: Final = -1


def spread(layers: int, count: int) -> tuple[int, ...]:
    """Which ``count`` of ``layers`` blocks are swapped. Raises ValueError for more than there are."""
    if not 0 <= count <= layers:
        raise ValueError(f"{count} of {layers} blocks cannot be swapped")
    return tuple((2 * place + 1) * layers // (2 * count) for place in range(count))


class Carrier(Protocol):
    """Brings bytes from host memory into a slot."""

    def start(self, slot: int, target: Tensor, source: Tensor) -> None:
        """Ask for a copy; it may run from when everything queued so far has been computed."""

    def arrive(self, slot: int) -> None:
        """Whatever is computed from now on finds the copy in its slot."""

    def finish(self) -> None:
        """No copy is under way any more in the eyes of what is queued from now on."""


class PlainCarrier:
    """On a processor: the copy is made when it is asked for."""

    def start(self, slot: int, target: Tensor, source: Tensor) -> None:  # noqa: ARG002 - as Carrier
        """Copy."""
        target.copy_(source)

    def arrive(self, slot: int) -> None:
        """It is there."""

    def finish(self) -> None:
        """Nothing is under way."""


class StreamCarrier:
    """On a CUDA device: copies on a side stream."""

    def __init__(self, device: torch.device) -> None:
        self.device = device
        self.stream = torch.cuda.Stream(device)
        self._arrived = [torch.cuda.Event() for _ in range(SLOTS)]

    def start(self, slot: int, target: Tensor, source: Tensor) -> None:
        """Queue the copy behind what is queued on the computing stream."""
        self.stream.wait_stream(torch.cuda.current_stream(self.device))
        with torch.cuda.stream(self.stream):
            target.copy_(source, non_blocking=True)
            self._arrived[slot].record(self.stream)
        target.record_stream(self.stream)

    def arrive(self, slot: int) -> None:
        """Let the computing stream wait for the copy."""
        torch.cuda.current_stream(self.device).wait_event(self._arrived[slot])

    def finish(self) -> None:
        """Let the computing stream wait for all copies."""
        torch.cuda.current_stream(self.device).wait_stream(self.stream)


@dataclass
class _Slot:
    memory: Tensor
    holds: int | None = None
    """Which of the swapped blocks, by its place among them."""
    under_way: bool = False
    """Its bytes were asked for and nobody has waited for them yet."""


class BlockSwap:
    """The swapped blocks of one transformer, and the slots they take turns in.

    ``packed`` are their weights as they came from the files. Building it puts the slots on ``device`` and makes every
    parameter of these blocks a view of its slot; from then on they look as if they were on the device.
    """

    def __init__(
        self,
        blocks: nn.ModuleList,
        packed: Mapping[int, HostBlock],
        device: torch.device | str,
        make_carrier: Callable[[torch.device], Carrier] | None = None,
    ) -> None:
        self.device = torch.device(device)
        self.indices = tuple(sorted(packed))
        self._hosts = [packed[index] for index in self.indices]
        self._owners = [_owners(blocks[host.index], host) for host in self._hosts]
        self._place = {index: place for place, index in enumerate(self.indices)}
        self._make_carrier = make_carrier or _carrier
        self._slots: list[_Slot] = []
        self._current: int | None = None
        self._step = FORWARD
        self.carrier: Carrier = self._make_carrier(self.device)
        self.unpark()

    @property
    def host_bytes(self) -> int:
        """Host memory of the master copies."""
        return sum(host.memory.nbytes for host in self._hosts)

    @property
    def slot_bytes(self) -> int:
        """Device memory of the slots."""
        return sum(slot.memory.nbytes for slot in self._slots)

    def __str__(self) -> str:
        host, slots = self.host_bytes / 2**30, self.slot_bytes / 2**30
        return f"{len(self.indices)} blocks in {host:.2f} GB of host memory, places for {slots:.2f} GB on the device"

    def begin(self) -> None:
        """A forward pass begins: ask for the first blocks, unless they are there."""
        self._current, self._step = None, FORWARD
        for place in range(len(self._slots)):
            self._ask(place)

    def enter(self, index: int, step: int = FORWARD) -> None:
        """Block ``index`` computes next, on the way through the model in the direction ``step``."""
        if not self._slots:
            return
        self._leave(step)
        place = self._place.get(index)
        if place is None:
            return
        self._ask(place)
        slot = self._slots[place % SLOTS]
        if slot.under_way:
            self.carrier.arrive(place % SLOTS)
            slot.under_way = False
        self._current = place

    def end(self, *, again: bool) -> None:
        """The forward pass ends; ``again``: the next one will be forward too, not backward."""
        self._leave(FORWARD)
        if again:
            self.begin()

    def behind(self, index: int, *states: Tensor | None) -> tuple[Tensor | None, ...]:
        """The states behind block ``index``, unchanged, with the node that fetches it on the way back."""
        return cast("tuple[Tensor | None, ...]", _Behind.apply(self, index, *states))

    def park(self) -> None:
        """Nothing on the device from now on: the slots are freed, and the parameters are those in host memory."""
        if self._slots:
            self.carrier.finish()
        self._slots, self._current = [], None
        for host, owners in zip(self._hosts, self._owners, strict=True):
            _point(owners, host.memory)

    def unpark(self) -> None:
        """Slots again, if there are none; nothing has changed when torch.OutOfMemoryError is raised."""
        if self._slots:
            return
        size = max(host.memory.nbytes for host in self._hosts)
        count = min(SLOTS, len(self._hosts))
        self._slots = [_Slot(torch.empty(size, dtype=torch.uint8, device=self.device)) for _ in range(count)]
        for place, owners in enumerate(self._owners):
            _point(owners, self._slots[place % SLOTS].memory)

    @contextlib.contextmanager
    def hidden(self) -> Iterator[None]:
        """The parameters are not in their modules meanwhile, so that what is done to all others spares them."""
        places = [(owner, name) for owners in self._owners for owner, name, _ in owners]
        held = [owner._parameters[name] for owner, name in places]
        for owner, name in places:
            owner._parameters[name] = None
        try:
            yield
        finally:
            for (owner, name), parameter in zip(places, held, strict=True):
                owner._parameters[name] = parameter

    def move(self, device: torch.device) -> None:
        """Compute on another device from now on."""
        if device == self.device:
            return
        self.park()
        self.device, self.carrier = device, self._make_carrier(device)
        self.unpark()

    def _leave(self, step: int) -> None:
        """The block that computed last is done with: its slot is for the one two further on."""
        place, self._current = self._current, None
        onwards, self._step = step == self._step, step
        if place is not None and onwards and 0 <= place + SLOTS * step < len(self._hosts):
            self._ask(place + SLOTS * step)

    def _ask(self, place: int) -> None:
        number = place % SLOTS
        slot = self._slots[number]
        if slot.holds == place:
            return
        slot.holds, slot.under_way = place, True
        source = self._hosts[place].memory
        self.carrier.start(number, slot.memory[: source.nbytes], source)


class _Behind(torch.autograd.Function):
    """Nothing forward; backward the block in front of it is fetched."""

    @staticmethod
    def forward(ctx: Any, swap: BlockSwap, index: int, *states: Tensor | None) -> tuple[Tensor | None, ...]:
        ctx.swap, ctx.index = swap, index
        # A gradient that nobody computed must stay absent, not become zeros that are then computed with.
        ctx.set_materialize_grads(False)
        return tuple(None if state is None else state.view_as(state) for state in states)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor | None) -> tuple[Any, ...]:
        ctx.swap.enter(ctx.index, BACKWARD)
        return None, None, *gradients


_Owned = tuple[nn.Module, str, tuple[Room, ...]]


def _owners(block: nn.Module, host: HostBlock) -> Sequence[_Owned]:
    """The modules that hold the parameters: they stay the same when adapters are put around them."""
    found = []
    for name, rooms in host.rooms.items():
        parent, _, own = name.rpartition(".")
        found.append((block.get_submodule(parent), own, rooms))
    return found


def _point(owners: Sequence[_Owned], memory: Tensor) -> None:
    """Make the parameters views of ``memory``."""
    for owner, name, rooms in owners:
        views = iter([room.of(memory) for room in rooms])
        old = owner._parameters[name]
        assert old is not None
        new = rebuilt(old, lambda _: next(views))  # noqa: B023 - called before the next turn of the loop
        owner._parameters[name] = nn.Parameter(new, requires_grad=False)


def _carrier(device: torch.device) -> Carrier:
    return StreamCarrier(device) if device.type == "cuda" else PlainCarrier()


def park(module: nn.Module) -> None:
    """``BlockSwap.park`` of a transformer that swaps; nothing for any other module."""
    swap = getattr(module, "swap", None)
    if isinstance(swap, BlockSwap):
        swap.park()


def unpark(module: nn.Module) -> None:
    """The reverse of ``park``; may be asked for again after it failed."""
    swap = getattr(module, "swap", None)
    if isinstance(swap, BlockSwap):
        swap.unpark()
