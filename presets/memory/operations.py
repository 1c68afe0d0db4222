"""The operations of the network: what each makes, keeps and makes again on the way back.

All take and return :class:`Ghost`; a size of 1 in a broadcast dimension shows as a smaller count.
"""

from __future__ import annotations

from collections.abc import Sequence

from presets.memory.tape import FP32, HALF, Edge, Ghost, Leaf, Memory, Tape, passed_on


def parameter(count: int, width: int, *, trained: bool) -> Ghost:
    """A weight. Its own memory is counted elsewhere: it is there all the time."""
    return Ghost(None, count, width, Leaf(is_parameter=True) if trained else None)


def matmul(tape: Tape, x: Ghost, weight: Ghost, fan_in: int, fan_out: int, bias: Ghost | None = None) -> Ghost:
    """``F.linear``: keeps the input if the weight is trained, the weight if the input needs a gradient."""
    width = HALF if tape.autocast else max(x.width, weight.width)
    x, weight = tape.cast(x, width), tape.cast_weight(weight, width)
    out = tape.new(x.count // fan_in * fan_out, width)
    kept = (x.memory if weight.node else None, weight.memory if x.node else None)
    inputs = (x, weight) if bias is None else (x, weight, bias)
    return tape.record(out, inputs, _own_gradients, kept)


def add(tape: Tape, first: Ghost, second: Ghost) -> Ghost:
    """A sum keeps nothing."""
    return tape.record(_result(tape, first, second), (first, second), passed_on)


def plus_one(tape: Tape, x: Ghost) -> Ghost:
    """``1 + x``."""
    return tape.record(tape.new(x.count, x.width), (x,), passed_on)


def scale(tape: Tape, x: Ghost, by: Memory | None = None) -> Ghost:
    """``x`` times a number, or times an untrained tensor, which is kept."""
    return tape.record(tape.new(x.count, x.width), (x,), _like_input, (by,))


def mul(tape: Tape, first: Ghost, second: Ghost) -> Ghost:
    """A product keeps each factor whose partner needs a gradient; a gradient is made in full size, then reduced."""
    out = _result(tape, first, second)
    kept = (first.memory if second.node else None, second.memory if first.node else None)
    widths = (second.width, first.width)
    count = out.count

    def backward(tape: Tape, given: Sequence[Ghost | None], edges: Sequence[Edge]) -> list[Ghost | None]:
        gradient = given[0]
        assert gradient is not None
        return [
            tape.new(count, max(gradient.width, width)) if edge.node is not None else None
            for edge, width in zip(edges, widths, strict=True)
        ]

    return tape.record(out, (first, second), backward, kept)


def rms_norm(tape: Tape, x: Ghost, size: int, weight: Ghost | None = None) -> Ghost:
    """Keeps its input and one fp32 number per row; in fp32 under autocast."""
    x = tape.cast(x, FP32) if tape.autocast else x
    rows = tape.new(x.count // size, FP32)
    inputs = (x,) if weight is None else (x, weight)
    return tape.record(tape.new(x.count, x.width), inputs, _own_gradients, (x.memory, rows.memory))


def layer_norm(tape: Tape, x: Ghost, size: int) -> Ghost:
    """Keeps its input, mean and spread of each row; in fp32 under autocast."""
    x = tape.cast(x, FP32) if tape.autocast else x
    rows = tape.new(2 * x.count // size, FP32)
    return tape.record(tape.new(x.count, x.width), (x,), _own_gradients, (x.memory, rows.memory))


def attention(tape: Tape, query: Ghost, key: Ghost, value: Ghost, rows: int, heads: int) -> Ghost:
    """Flash attention of ``rows`` queries: linear in the tokens, no matrix of scores."""
    width = HALF if tape.autocast else query.width
    query, key, value = (tape.cast(x, width) for x in (query, key, value))
    out = tape.new(query.count, width)
    sums = tape.new(rows * heads, FP32)
    kept = tuple(ghost.memory for ghost in (query, key, value, out, sums))
    return tape.record(out, (query, key, value), _own_gradients, kept)


def gelu(tape: Tape, x: Ghost) -> Ghost:
    """Keeps its input; so does SiLU."""
    return tape.record(tape.new(x.count, x.width), (x,), _like_input, (x.memory,))


def sigmoid(tape: Tape, x: Ghost) -> Ghost:
    """Keeps its output."""
    out = tape.new(x.count, x.width)
    return tape.record(out, (x,), _like_input, (out.memory,))


def dropout(tape: Tape, x: Ghost) -> Ghost:
    """Keeps its mask, one byte per number."""
    mask = Memory(tape.arena, x.count, tape.arena.kind)
    return tape.record(tape.new(x.count, x.width), (x,), _like_input, (mask,))


def select(tape: Tape, x: Ghost, parts: int) -> Ghost:
    """One of ``parts`` rows of a table: a view whose gradient is as large as the table."""
    return tape.record(Ghost(x.memory, x.count // parts, x.width), (x,), _own_gradients)


def square_error(tape: Tape, x: Ghost) -> Ghost:
    """``(x - target) ** 2``: the difference is kept."""
    difference = tape.record(tape.new(x.count, x.width), (x,), passed_on)
    return tape.record(tape.new(x.count, x.width), (difference,), _like_input, (difference.memory,))


def rotate(tape: Tape, x: Ghost, rope: Ghost) -> Ghost:
    """Rotary positions: each half against the other, in fp32, joined again and back in the format of ``x``."""
    wide = tape.cast(x, FP32)
    first, second = _halves(tape, wide)
    left = _turned(tape, first, second, rope)
    right = _turned(tape, second, first, rope)
    out = tape.record(tape.new(wide.count, FP32), (left, right), _split_gradient)
    return tape.cast(out, x.width)


def _turned(tape: Tape, first: Ghost, second: Ghost, rope: Ghost) -> Ghost:
    """``first * cos -+ second * sin``; the tables are kept."""
    return add(tape, scale(tape, first, rope.memory), scale(tape, second, rope.memory))


def _halves(tape: Tape, x: Ghost) -> tuple[Ghost, Ghost]:
    node = tape.enter((x,), _joined_gradient, outputs=2) if tape.recording and x.node is not None else None
    half = x.count // 2
    return Ghost(x.memory, half, x.width, node, 0), Ghost(x.memory, half, x.width, node, 1)


def _joined_gradient(tape: Tape, given: Sequence[Ghost | None], edges: Sequence[Edge]) -> list[Ghost | None]:
    width = next(ghost.width for ghost in given if ghost is not None)
    return [tape.new(edges[0].count, width)]


def _split_gradient(tape: Tape, given: Sequence[Ghost | None], edges: Sequence[Edge]) -> list[Ghost | None]:  # noqa: ARG001
    gradient = given[0]
    assert gradient is not None
    return [Ghost(gradient.memory, edge.count, gradient.width) for edge in edges]


def _result(tape: Tape, first: Ghost, second: Ghost) -> Ghost:
    return tape.new(max(first.count, second.count), max(first.width, second.width))


def _own_gradients(tape: Tape, given: Sequence[Ghost | None], edges: Sequence[Edge]) -> list[Ghost | None]:  # noqa: ARG001
    """A gradient of its own for each input that needs one."""
    return [tape.new(edge.count, edge.width) if edge.node is not None else None for edge in edges]


def _like_input(tape: Tape, given: Sequence[Ghost | None], edges: Sequence[Edge]) -> list[Ghost | None]:
    gradient = given[0]
    assert gradient is not None
    return [tape.new(gradient.count, gradient.width) for _ in edges]
