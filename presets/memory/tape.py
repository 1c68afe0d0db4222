"""Tensors that have a size and nothing else, under the rules by which autograd keeps memory.

A network written with these operations says what it would hold at every moment: outputs live as long as something
refers to them, each operation keeps for its backward pass what torch's derivative formula needs, the backward pass
runs through the tape in reverse and drops what it has used. No number is calibrated: all follow from

* torch's derivative formulas (a linear layer keeps its input if its weight is trained, a product keeps the factor
  whose partner needs a gradient, attention keeps q, k, v, output and one fp32 number per query and head, ...),
* autocast's rules on CUDA (linear and attention in 16 bit, ``rms_norm`` and ``layer_norm`` in fp32, all else as the
  inputs are; 16-bit copies of trained fp32 weights are kept until autocast is left),
* autograd's way of adding gradients up (a second gradient makes a third tensor).

Lifetimes are those of the Python objects here, as they are those of the tensor objects there: code that mirrors the
network's forward pass line by line, local variables included, holds what the network holds.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from enum import IntEnum
from typing import Final

FP32: Final = 4
HALF: Final = 2
"""Bytes of a number in bf16 or fp16."""


class Kind(IntEnum):
    """What live bytes are there for."""

    SAVED = 0
    """Made in the forward pass: kept for the backward pass, or on the way."""
    RECOMPUTED = 1
    """Made when a checkpointed block is run again."""
    WORKSPACE = 2
    """Made in the backward pass: gradients of activations and scratch."""
    GRADIENT = 3
    """Gradients of parameters."""


class Arena:
    """Counts live bytes by kind and remembers the highest total."""

    __slots__ = ("kind", "live", "peak", "peak_live", "total")

    def __init__(self) -> None:
        self.live = [0] * len(Kind)
        self.total = self.peak = 0
        self.peak_live = (0,) * len(Kind)
        self.kind = Kind.SAVED

    def add(self, kind: Kind, size: int) -> None:
        self.live[kind] += size
        self.total += size
        if self.total > self.peak:
            self.peak, self.peak_live = self.total, tuple(self.live)

    def restart(self) -> None:
        """Forget the peak: what comes next is looked at on its own."""
        self.peak, self.peak_live = self.total, tuple(self.live)


class Memory:
    """A stretch of memory; it is given back when nothing refers to it."""

    __slots__ = ("_arena", "kind", "size")

    def __init__(self, arena: Arena, size: int, kind: Kind) -> None:
        self._arena, self.size, self.kind = arena, size, kind
        arena.add(kind, size)

    def relabel(self, kind: Kind) -> None:
        self._arena.add(self.kind, -self.size)
        self._arena.add(kind, self.size)
        self.kind = kind

    def __del__(self) -> None:
        self._arena.add(self.kind, -self.size)


class Leaf:
    """Where gradients end up: a trained parameter, or the border of a checkpointed block."""

    __slots__ = ("gradient", "is_parameter")

    def __init__(self, *, is_parameter: bool) -> None:
        self.is_parameter = is_parameter
        self.gradient: Ghost | None = None


Backward = Callable[["Tape", Sequence["Ghost | None"], Sequence["Edge"]], list["Ghost | None"]]
"""Gradients of the outputs, and where the inputs' gradients go -> those gradients; None where there is none."""


class Node:
    """One operation on the tape."""

    __slots__ = ("backward", "inputs", "kept", "outputs")

    def __init__(
        self, inputs: Sequence[Ghost], kept: Sequence[Memory | None], backward: Backward, outputs: int
    ) -> None:
        self.inputs = tuple(Edge(ghost) for ghost in inputs)
        self.kept: Sequence[Memory | None] = kept
        self.backward = backward
        self.outputs = outputs


class Ghost:
    """A tensor without numbers: how many there would be, how wide each, and where its gradient goes."""

    __slots__ = ("count", "index", "memory", "node", "width")

    def __init__(
        self, memory: Memory | None, count: int, width: int, node: Node | Leaf | None = None, index: int = 0
    ) -> None:
        self.memory, self.count, self.width, self.node, self.index = memory, count, width, node, index


class Edge:
    """Where a gradient goes and what it must look like there; does not keep the tensor alive."""

    __slots__ = ("count", "index", "node", "width")

    def __init__(self, ghost: Ghost) -> None:
        self.node, self.index, self.count, self.width = ghost.node, ghost.index, ghost.count, ghost.width


class Tape:
    """Makes tensors, records operations and runs them backward.

    ``autocast`` computes linear layers and attention in 16 bit; ``recording`` is False under ``no_grad``.
    """

    def __init__(self, arena: Arena, *, autocast: bool) -> None:
        self.arena, self.autocast = arena, autocast
        self.recording = True
        self._nodes: list[Node] = []
        self._casts: dict[int, Ghost] = {}

    def new(self, count: int, width: int) -> Ghost:
        """A tensor of its own, without a gradient."""
        return Ghost(Memory(self.arena, count * width, self.arena.kind), count, width)

    def record(
        self,
        out: Ghost,
        inputs: Sequence[Ghost],
        backward: Backward,
        kept: Sequence[Memory | None] = (),
    ) -> Ghost:
        """Give ``out`` its place on the tape if any input needs a gradient."""
        if self.recording and any(ghost.node is not None for ghost in inputs):
            out.node = self.enter(inputs, backward, kept)
        return out

    def enter(
        self, inputs: Sequence[Ghost], backward: Backward, kept: Sequence[Memory | None] = (), outputs: int = 1
    ) -> Node:
        """Append an operation."""
        node = Node(inputs, kept, backward, outputs)
        self._nodes.append(node)
        return node

    def cast(self, x: Ghost, width: int) -> Ghost:
        """``x`` in another number format; ``x`` itself when it is in it already."""
        if x.width == width:
            return x
        return self.record(self.new(x.count, width), (x,), passed_on)

    def cast_weight(self, weight: Ghost, width: int) -> Ghost:
        """A weight as autocast hands it out: copies of trained ones are made once and kept."""
        if not isinstance(weight.node, Leaf) or weight.width == width:
            return self.cast(weight, width)
        found = self._casts.get(id(weight))
        if found is None:
            found = self._casts[id(weight)] = self.cast(weight, width)
        return found

    def set_aside(self) -> list[Node]:
        """Take everything recorded so far off the tape, to be put back when its gradients are known."""
        nodes, self._nodes = self._nodes, []
        return nodes

    def put_back(self, nodes: list[Node]) -> None:
        """Go on with what was set aside."""
        self._nodes = nodes

    @property
    def cast_bytes(self) -> int:
        """Size of the copies of weights that autocast keeps at this moment."""
        return sum(ghost.count * ghost.width for ghost in self._casts.values())

    def leave_autocast(self) -> None:
        """Forget the copies of weights."""
        self._casts.clear()

    def run_backward(self, seeds: list[tuple[Ghost, Ghost]]) -> list[Memory]:
        """From gradients of outputs (pairs of output and gradient) back to the leaves; empties seeds and tape.

        Returns what operations keep that no gradient reached: it is theirs until the graph itself is dropped.
        """
        unreached: list[Memory] = []
        waiting: dict[tuple[int, int], Ghost] = {}
        while seeds:
            self._give(waiting, Edge(seeds[-1][0]), seeds[-1][1])
            seeds.pop()
        nodes = self.set_aside()
        while nodes:
            node = nodes.pop()
            given = [waiting.pop((id(node), index), None) for index in range(node.outputs)]
            if all(gradient is None for gradient in given):
                unreached += [memory for memory in node.kept if memory is not None]
                continue
            gradients = node.backward(self, given, node.inputs)
            given.clear()
            node.kept = ()
            for edge in node.inputs:
                gradient = gradients.pop(0)
                if gradient is not None and edge.node is not None:
                    self._give(waiting, edge, gradient)
                del gradient
        return unreached

    def _give(self, waiting: dict[tuple[int, int], Ghost], edge: Edge, gradient: Ghost) -> None:
        """Hand a gradient to whoever needs it, in the shape and number format of the tensor it belongs to."""
        if gradient.count > edge.count:
            gradient = self.new(edge.count, gradient.width)
        if gradient.width != edge.width:
            gradient = self.new(gradient.count, edge.width)
        if isinstance(edge.node, Leaf):
            self._collect(edge.node, gradient)
            return
        key = (id(edge.node), edge.index)
        other = waiting.get(key)
        waiting[key] = gradient if other is None else self.new(edge.count, edge.width)

    def _collect(self, leaf: Leaf, gradient: Ghost) -> None:
        if leaf.gradient is None:
            leaf.gradient = gradient
            if leaf.is_parameter and gradient.memory is not None:
                gradient.memory.relabel(Kind.GRADIENT)
        elif not leaf.is_parameter:
            leaf.gradient = self.new(gradient.count, gradient.width)


def passed_on(tape: Tape, given: Sequence[Ghost | None], edges: Sequence[Edge]) -> list[Ghost | None]:  # noqa: ARG001
    """Every input gets the gradient itself (sums, views, casts); it is reduced and cast where it is handed over."""
    return [given[0]] * len(edges)
