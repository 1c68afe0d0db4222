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
_NOTHING: Final[Bytes] = (0,) * len(Kind)


@dataclass(frozen=True, slots=True)
class Stage:
    """Live bytes by kind at the worst moment of one stage, and what each block adds that was not run."""

    name: str
    live: Bytes
    per_recomputed: Bytes = _NOTHING
    per_kept: Bytes = _NOTHING
    between: bool = False
    """Of a block between the first and the last, which are those that are run: there is none without more blocks."""

    @property
    def total(self) -> int:
        return sum(self.live)

    def with_more(self, recomputed: int, kept: int) -> Stage:
        """The stage of a model with so many blocks more."""
        added = zip(self.live, self.per_recomputed, self.per_kept, strict=True)
        return Stage(self.name, tuple(size + recomputed * first + kept * second for size, first, second in added))


class _Replay:
    """One step on a few blocks, those that are recomputed before those that keep everything."""

    def __init__(self, model: ModelShape, run: RunShape, recomputed: int, kept: int) -> None:
        self.model, self.run, self.layout = model, run, layout(model, run.modalities)
        self.arena = Arena()
        self.tape = Tape(self.arena, autocast=run.half)
        self.frame = Frame(model, run, self.layout)
        adapted = adapters(self.layout, run).block
        self.recomputed = [Block(model, run, self.layout, adapted) for _ in range(recomputed)]
        self.kept = [Block(model, run, self.layout, adapted) for _ in range(kept)]
        self.stages: list[Stage] = []
        self.velocities: Streams = {}
        self.unreached: list[Memory] = []
        """Kept by operations behind the output of a modality that is not in the loss, until the step is over."""

    def note(self, name: str, per_recomputed: Bytes = _NOTHING, per_kept: Bytes = _NOTHING) -> None:
        """Record the stage that ends here, and what blocks add that are not run."""
        self.stages.append(Stage(name, self.arena.peak_live, per_recomputed, per_kept))
        self.arena.restart()

    def between(self, border: Bytes, gradients: Bytes) -> None:
        """Stages like the last one, of the blocks in front of it: of the nearest, and of the one furthest back."""
        left = [0] * len(Kind)
        for memory in {id(memory): memory for memory in self.unreached}.values():
            if memory.kind is Kind.RECOMPUTED:
                left[memory.kind] += memory.size
        live = _sum(self.stages[-1].live, tuple(left))
        if any(left):
            near = _sum(live, gradients)
            self.stages.append(Stage("backward of the last block but one", near, border, gradients, between=True))
        self.stages.append(Stage("backward of the second block", live, gradients, gradients, between=True))


def training_stages(model: ModelShape, run: RunShape) -> tuple[Stage, ...]:
    """The stages of forward and backward. Gradients that are there from earlier micro-steps are not in them."""
    recomputed = run.recomputes(model.layers)
    kept = model.layers - recomputed
    few = min(recomputed, SIMULATED), min(kept, SIMULATED)
    stages = _simulated(model, _plainly(run), *few)
    more = recomputed - few[0], kept - few[1]
    return tuple(stage.with_more(*more) for stage in stages if more[0] or not stage.between)


def _plainly(run: RunShape) -> RunShape:
    """The run without what does not matter to the activations."""
    return replace(run, optimizer="adamw", quantization=None, swapped=0, recomputed=None, checkpointing=True)


@lru_cache(maxsize=64)
def _simulated(model: ModelShape, run: RunShape, recomputed: int, kept: int) -> tuple[Stage, ...]:
    """The stages of a model with so many blocks only."""
    replay = _Replay(model, run, recomputed, kept)
    inputs = [_batch(replay, name) for name in run.modalities]
    if recomputed:
        _checkpointed(replay)
    else:
        _plain(replay)
    del inputs
    return tuple(replay.stages)


def forward_stage(model: ModelShape, run: RunShape) -> Stage:
    """A forward pass without gradients: only autocast's copies of trained weights depend on the number of blocks."""
    blocks = min(model.layers, SIMULATED)
    return _forward_stage(model, _plainly(run), blocks).with_more(0, model.layers - blocks)


@lru_cache(maxsize=64)
def _forward_stage(model: ModelShape, run: RunShape, blocks: int) -> Stage:
    replay = _Replay(model, run, 0, blocks)
    replay.tape.recording = False
    streams, sides = replay.frame.enter(replay.tape)
    mark = _Mark(replay)
    given: Streams = {}
    for block in replay.kept:
        mark = _Mark(replay)
        # The caller holds the inputs of the last block until the next one has run.
        given = streams
        streams = block.forward(replay.tape, given, sides)
    _, copies = _Mark(replay).since(mark)
    replay.frame.leave(replay.tape, streams, sides)
    replay.note("forward", per_kept=copies)
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
    per_block = _forward_and_back(replay, [replay.frame.enter(replay.tape)])
    gradients = _gradient_bytes(replay)
    # From the end of the last block on, gradients come as kept activations go; the larger of the two counts.
    replay.note("backward", per_kept=gradients if sum(per_block) < sum(gradients) else per_block)


def _forward_and_back(replay: _Replay, handed: list[tuple[Streams, Sides]], border: Bytes = _NOTHING) -> Bytes:
    """The blocks that keep everything, the output and the loss, and the backward pass up to where they began.

    ``handed`` is emptied: what the caller does not hold for itself is let go as the network lets it go. ``border`` is
    what each recomputed block before them keeps. Returns what each block here keeps.
    """
    tape, marks = replay.tape, [_Mark(replay)]
    streams, sides = handed.pop()
    # The caller holds the inputs of the last block until the next one has run.
    given = streams
    for block in replay.kept:
        given = streams
        streams = block.forward(tape, given, sides)
        marks.append(_Mark(replay))
    per_block, copies = marks[-1].since(marks[-2]) if replay.kept else (_NOTHING, _NOTHING)
    velocities = replay.frame.leave(tape, streams, sides)
    del streams, sides, given
    replay.note("forward", border, _sum(per_block, copies))
    tape.leave_autocast()
    # The step holds its output to the end.
    seeds, replay.velocities = _loss(replay, velocities)
    del velocities
    replay.note("loss", border, per_block)
    replay.arena.kind = Kind.WORKSPACE
    replay.unreached += tape.run_backward(seeds)
    return per_block


def _checkpointed(replay: _Replay) -> None:
    """Of the first blocks only the states between them are kept; each runs again before its backward pass."""
    tape = replay.tape
    streams, conditions = replay.frame.enter(tape)
    before = tape.set_aside()
    border = [_with_leaves(streams)]
    sides = {name: _side_with_leaves(side) for name, side in conditions.items()}
    tape.recording = False
    marks = [_Mark(replay)]
    for block in replay.recomputed:
        border.append(_with_leaves(block.forward(tape, border[-1], sides), always=True))
        marks.append(_Mark(replay))
    tape.recording = True
    kept, copies = marks[-1].since(marks[-2])
    handed = [(border[-1], sides)]
    # What comes out of the last of them is nobody's input that is run again: only its gradient is waited for.
    border[-1] = {name: Ghost(None, ghost.count, ghost.width, ghost.node) for name, ghost in border[-1].items()}
    per_block = _forward_and_back(replay, handed, _sum(kept, copies))
    gradients = _gradient_bytes(replay)
    grown = gradients if sum(per_block) < sum(gradients) else per_block
    replay.note("backward of the output", kept, grown)
    for index in reversed(range(len(replay.recomputed))):
        _rerun(replay, index, border, sides)
        if index > 0:
            replay.note("backward of the last block", kept, gradients)
            replay.between(kept, gradients)
        else:
            replay.note("backward of the first block", gradients, gradients)
    if before:
        tape.put_back(before)
        seeds = _seeds_of_conditions(conditions, sides)
        seeds += [(streams[name], _taken(ghost)) for name, ghost in border.pop().items() if _reached(ghost)]
        del conditions, sides, streams
        tape.run_backward(seeds)
        replay.note("backward of the embeddings", gradients, gradients)


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
    outputs = replay.recomputed[index].forward(tape, border[-1], sides)
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
            linears = (replay.recomputed or replay.kept)[0].linears.values()
            count = sum(linear.down.count + linear.up.count for linear in linears)
            found[Kind.GRADIENT] = FP32 * count
    return tuple(found)
