"""The rules by which memory is kept, on networks small enough to count by hand."""

from __future__ import annotations

from presets.memory import operations as op
from presets.memory.tape import FP32, HALF, Arena, Ghost, Kind, Leaf, Tape


def fresh(*, autocast: bool = False) -> tuple[Arena, Tape]:
    arena = Arena()
    return arena, Tape(arena, autocast=autocast)


def test_memory_lives_as_long_as_something_refers_to_it() -> None:
    arena, tape = fresh()
    x = tape.new(10, FP32)
    assert arena.total == 40
    y = Ghost(x.memory, 5, FP32)
    del x
    assert arena.total == 40
    del y
    assert (arena.total, arena.peak) == (0, 40)


def test_a_frozen_layer_keeps_nothing() -> None:
    arena, tape = fresh()
    x = Ghost(tape.new(8, FP32).memory, 8, FP32, Leaf(is_parameter=False))
    weight = op.parameter(4 * 4, FP32, trained=False)
    y = op.matmul(tape, x, weight, 4, 4)
    del x
    assert arena.total == 8 * FP32
    del y
    assert arena.total == 0


def test_a_trained_layer_keeps_its_input_until_it_has_its_gradient() -> None:
    arena, tape = fresh()
    x, weight = tape.new(8, FP32), op.parameter(4 * 4, FP32, trained=True)
    y = op.matmul(tape, x, weight, 4, 4)
    del x
    assert arena.total == 2 * 8 * FP32
    seeds = [(y, tape.new(8, FP32))]
    del y
    tape.run_backward(seeds)
    assert arena.live == [0, 0, 0, 16 * FP32]


def test_autocast_copies_a_trained_weight_once() -> None:
    arena, tape = fresh(autocast=True)
    weight = op.parameter(4 * 4, FP32, trained=True)
    x = tape.new(8, HALF)
    first = op.matmul(tape, x, weight, 4, 4)
    before = arena.total
    second = op.matmul(tape, x, weight, 4, 4)
    assert arena.total - before == 8 * HALF
    assert tape.cast_bytes == 16 * HALF
    del first, second
    tape.leave_autocast()
    assert tape.cast_bytes == 0


def test_a_product_keeps_only_the_factor_that_is_needed() -> None:
    arena, tape = fresh()
    x = Ghost(tape.new(8, FP32).memory, 8, FP32, Leaf(is_parameter=False))
    gate = tape.new(4, FP32)
    y = op.mul(tape, x, gate)
    del x, gate
    assert arena.total == 4 * FP32 + 8 * FP32
    del y


def test_gradients_of_two_uses_are_added_up() -> None:
    arena, tape = fresh()
    leaf = Leaf(is_parameter=False)
    x = Ghost(tape.new(8, FP32).memory, 8, FP32, leaf)
    y = op.add(tape, op.scale(tape, x), op.scale(tape, x))
    del x
    seeds = [(y, tape.new(8, FP32))]
    del y
    arena.kind = Kind.WORKSPACE
    arena.restart()
    tape.run_backward(seeds)
    assert leaf.gradient is not None
    assert arena.total == 8 * FP32
    # The incoming gradient goes once both factors have theirs; then two parts and their sum stand side by side.
    assert arena.peak >= 3 * 8 * FP32


def test_nothing_is_recorded_without_gradients() -> None:
    arena, tape = fresh()
    tape.recording = False
    x, weight = tape.new(8, FP32), op.parameter(4 * 4, FP32, trained=True)
    y = op.gelu(tape, op.matmul(tape, x, weight, 4, 4))
    del x
    assert arena.total == 8 * FP32
    assert y.node is None
