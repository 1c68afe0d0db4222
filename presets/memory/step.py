"""Forward and backward of one training step: what lives at the worst moment besides weights and optimizer.

Blocks are alike, so at most two of them are run; what the others add is linear in their number. Every stage of the
step is looked at on its own, because the worst one depends on the run: with many tokens the last block of a
checkpointed model, with a large rank and few tokens the first one, without checkpointing the output layer.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from functools import lru_cache
from typing import Final

from presets.memory import operations as op
from presets.memory.network import Block, Frame, Side, Sides, Streams
from presets.memory.run import RunShape, adapters
from presets.memory.shapes import Modality, ModelShape, layout
from presets.memory.tape import FP32, HALF, Arena, Ghost, Kind, Leaf, Memory, Tape

SIMULATED: Final = 2
"""The first block, whose input needs no gradient, and the last. Those between are like the last."""
_BATCH_BYTES: Final = (HALF + 3 * FP32, 8 * FP32 + FP32)
"""Of a token: per channel its latents as loaded, clean, noisy and target; besides, positions, masks and noise level."""

Bytes = tuple[int, ...]
"""By ``Kind``."""


@dataclass(frozen=True, slots=True)
class Stage:
    """Live bytes by kind at the worst moment of one stage."""

    name: str
    live: Bytes

    @property
    def total(self) -> int:
        return sum(self.live)


class _Replay:
    """One step on a few blocks; ``stages`` fills up as it goes, extrapolated to all blocks."""

    def __init__(self, model: ModelShape, run: RunShape) -> None:
        self.model, self.run, self.layout = model, run, layout(model, run.modalities)
        self.arena = Arena()
        self.tape = Tape(self.arena, autocast=run.half)
        self.frame = Frame(model, run, self.layout)
        adapted = adapters(self.layout, run).block
        self.blocks = [Block(model, run, self.layout, adapted) for _ in range(min(model.layers, SIMULATED))]
        self.more = model.layers - len(self.blocks)
        self.stages: list[Stage] = []
        self.unreached: list[Memory] = []
        """Kept by operations behind the output of a modality that is not in the loss, until the step is over."""

    def note(self, name: str, per_block: Bytes = ()) -> None:
        """Record the stage that ends here; ``per_block`` is what each block that is not run would add."""
        peak = self.arena.peak_live
        added = per_block or (0,) * len(Kind)
        live = tuple(size + self.more * extra for size, extra in zip(peak, added, strict=True))
        self.stages.append(Stage(name, live))
        self.arena.restart()

    def between(self, name: str, fewer: Bytes, more: Bytes) -> None:
        """The stage like the last one, as many blocks further back as are not run."""
        left = [0] * len(Kind)
        for memory in {id(memory): memory for memory in self.unreached}.values():
            if memory.kind is Kind.RECOMPUTED:
                left[memory.kind] += memory.size
        live = zip(self.stages[-1].live, fewer, more, left, strict=True)
        self.stages.append(Stage(name, tuple(size + rest + self.more * (new - old) for size, old, new, rest in live)))


def training_stages(model: ModelShape, run: RunShape) -> tuple[Stage, ...]:
    """The stages of forward and backward. Gradients that are there from earlier micro-steps are not in them."""
    return _training_stages(model, replace(run, optimizer="adamw", quantization=None))


@lru_cache(maxsize=64)
def _training_stages(model: ModelShape, run: RunShape) -> tuple[Stage, ...]:
    replay = _Replay(model, run)
    inputs = [_batch(replay, name) for name in run.modalities]
    if run.checkpointing:
        _checkpointed(replay)
    else:
        _plain(replay)
    del inputs
    return tuple(replay.stages)


def forward_stage(model: ModelShape, run: RunShape) -> Stage:
    """A forward pass without gradients: only autocast's copies of trained weights depend on the number of blocks."""
    return _forward_stage(model, replace(run, optimizer="adamw", quantization=None))


@lru_cache(maxsize=64)
def _forward_stage(model: ModelShape, run: RunShape) -> Stage:
    replay = _Replay(model, run)
    replay.tape.recording = False
    streams, sides = replay.frame.enter(replay.tape)
    mark = _Mark(replay)
    given: Streams = {}
    for block in replay.blocks:
        mark = _Mark(replay)
        # The caller holds the inputs of the last block until the next one has run.
        given = streams
        streams = block.forward(replay.tape, given, sides)
    _, copies = _Mark(replay).since(mark)
    replay.frame.leave(replay.tape, streams, sides)
    replay.note("forward", copies)
    del given
    return replay.stages[0]


def _batch(replay: _Replay, name: Modality) -> tuple[Ghost, ...]:
    """Latents, text and the step's inputs, alive all the time."""
    run, branch = replay.run, replay.model.branch(name)
    per_channel, besides = _BATCH_BYTES
    size = run.batch * run.tokens(name) * (branch.channels * per_channel + besides)
    text = run.batch * run.text_tokens * replay.model.context_width(name) * HALF
    return replay.tape.new(size, 1), replay.tape.new(text, 1)


class _Mark:
    """Live bytes at one moment, and how many of them are autocast's copies of weights."""

    def __init__(self, replay: _Replay) -> None:
        self.live, self.copies = tuple(replay.arena.live), replay.tape.cast_bytes

    def since(self, earlier: _Mark) -> tuple[Bytes, Bytes]:
        """What came to stay since then: until it is used, and until autocast is left."""
        copies = [0] * len(Kind)
        copies[Kind.SAVED] = self.copies - earlier.copies
        kept = zip(self.live, earlier.live, copies, strict=True)
        return tuple(late - early - copy for late, early, copy in kept), tuple(copies)


def _sum(first: Bytes, second: Bytes) -> Bytes:
    return tuple(one + other for one, other in zip(first, second, strict=True))


def _loss(replay: _Replay, velocities: Streams) -> tuple[list[tuple[Ghost, Ghost]], Streams]:
    """Outputs of the loss with their gradients, and the velocities in fp32, which the caller holds."""
    tape = replay.tape
    seeds = []
    wide = {name: tape.cast(velocity, FP32) for name, velocity in velocities.items()}
    for name, velocity in wide.items():
        if replay.run.generates(name):
            masked = op.scale(tape, op.square_error(tape, velocity))
            seeds.append((masked, tape.new(masked.count, FP32)))
    # Held as plain memory: their place on the tape would hold the gradients that pass through it.
    return seeds, {name: Ghost(ghost.memory, ghost.count, ghost.width) for name, ghost in wide.items()}


def _plain(replay: _Replay) -> None:
    """Everything is kept until it is used."""
    tape, arena = replay.tape, replay.arena
    streams, sides = replay.frame.enter(tape)
    marks = [_Mark(replay)]
    given = streams
    for block in replay.blocks:
        # The caller holds the inputs of the last block until the next one has run.
        given = streams
        streams = block.forward(tape, given, sides)
        marks.append(_Mark(replay))
    per_block, copies = marks[-1].since(marks[-2])
    velocities = replay.frame.leave(tape, streams, sides)
    del streams, sides, given
    replay.note("forward", _sum(per_block, copies))
    tape.leave_autocast()
    seeds, velocities = _loss(replay, velocities)
    replay.note("loss", per_block)
    arena.kind = Kind.WORKSPACE
    replay.unreached += tape.run_backward(seeds)
    gradients = _gradient_bytes(replay)
    # From the end of the last block on, gradients come as kept activations go; the larger of the two counts.
    grows = sum(per_block) < sum(gradients)
    replay.note("backward", gradients if grows else per_block)


def _checkpointed(replay: _Replay) -> None:
    """Only the states between blocks are kept; each block runs again before its backward pass."""
    tape, arena = replay.tape, replay.arena
    streams, conditions = replay.frame.enter(tape)
    before = tape.set_aside()
    border = [_with_leaves(streams)]
    sides = {name: _side_with_leaves(side) for name, side in conditions.items()}
    tape.recording = False
    marks = [_Mark(replay)]
    for block in replay.blocks:
        border.append(_with_leaves(block.forward(tape, border[-1], sides), always=True))
        marks.append(_Mark(replay))
    tape.recording = True
    kept, copies = marks[-1].since(marks[-2])
    velocities = replay.frame.leave(tape, border[-1], sides)
    replay.note("forward", _sum(kept, copies))
    tape.leave_autocast()
    seeds, velocities = _loss(replay, velocities)
    arena.kind = Kind.WORKSPACE
    replay.unreached += tape.run_backward(seeds)
    replay.note("loss", kept)
    gradients = _gradient_bytes(replay)
    for index in reversed(range(len(replay.blocks))):
        _rerun(replay, index, border, sides)
        if index > 0:
            replay.note("backward of the last block", kept)
            if replay.more:
                replay.between("backward of the second block", kept, gradients)
        else:
            replay.note("backward of the first block", gradients)
    if before:
        tape.put_back(before)
        seeds = _seeds_of_conditions(conditions, sides)
        seeds += [(streams[name], _taken(ghost)) for name, ghost in border.pop().items() if _reached(ghost)]
        del conditions, sides, streams
        tape.run_backward(seeds)
        replay.note("backward of the embeddings", gradients)


def _with_leaves(streams: Streams, *, always: bool = False) -> Streams:
    """The same memory with places where gradients are caught; ``always``, or where there will be any."""
    return {name: _caught(ghost, always=always) for name, ghost in streams.items()}


def _side_with_leaves(side: Side) -> Side:
    ghosts = {item.name: getattr(side, item.name) for item in fields(side)}
    return replace(side, **{name: _caught(ghost) for name, ghost in ghosts.items() if ghost is not None})


def _caught(ghost: Ghost, *, always: bool = False) -> Ghost:
    leaf = Leaf(is_parameter=False) if always or ghost.node is not None else None
    return Ghost(ghost.memory, ghost.count, ghost.width, leaf)


def _reached(ghost: Ghost | None) -> bool:
    return ghost is not None and isinstance(ghost.node, Leaf) and ghost.node.gradient is not None


def _taken(ghost: Ghost) -> Ghost:
    """The gradient that was caught, handed over."""
    assert isinstance(ghost.node, Leaf)
    gradient, ghost.node.gradient = ghost.node.gradient, None
    assert gradient is not None
    return gradient


def _seeds_of_conditions(conditions: Sides, sides: Sides) -> list[tuple[Ghost, Ghost]]:
    seeds = []
    for name, side in sides.items():
        for item in fields(side):
            ghost = getattr(side, item.name)
            if _reached(ghost):
                seeds.append((getattr(conditions[name], item.name), _taken(ghost)))
    return seeds


def _rerun(replay: _Replay, index: int, border: list[Streams], sides: Sides) -> None:
    """Recompute block ``index`` and take the gradients of its outputs back to its inputs."""
    tape, arena = replay.tape, replay.arena
    gradients = {name: _taken(ghost) for name, ghost in border.pop().items() if _reached(ghost)}
    arena.kind = Kind.RECOMPUTED
    outputs = replay.blocks[index].forward(tape, border[-1], sides)
    tape.leave_autocast()
    seeds = [(ghost, gradients.pop(name)) for name, ghost in outputs.items() if name in gradients and ghost.node]
    outputs.clear()
    arena.kind = Kind.WORKSPACE
    replay.unreached += tape.run_backward(seeds)


def _gradient_bytes(replay: _Replay) -> Bytes:
    """Gradients that one block leaves behind; none if they were there before."""
    run, found = replay.run, [0] * len(Kind)
    if run.accumulation == 1:
        if run.full:
            found[Kind.GRADIENT] = FP32 * replay.layout.block_parameters
        else:
            linears = replay.blocks[0].linears.values()
            count = sum(linear.down.count + linear.up.count for linear in linears)
            found[Kind.GRADIENT] = FP32 * count
    return tuple(found)
