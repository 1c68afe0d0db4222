"""What to change so that a run fits a card: settings that fit with margin, ranked by what they cost.

Every format of the frozen weights is tried. For each, the text encoder is made to fit, blocks are swapped and
recomputed as cheaply as they can be, and only if that does not suffice is something given up, the least first.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Final, Literal

from presets.memory import changes
from presets.memory.blocks import resolve_blocks, usable
from presets.memory.calibration import FORMULAS_ALONE, Calibration
from presets.memory.changes import ROUNDING, Move, Try
from presets.memory.estimate import Estimate, JobShape, estimate
from presets.memory.run import SWAP_SLOTS
from presets.memory.speed import seconds

Wish = Literal["fastest", "best quality"]
WISHES: Final[tuple[Wish, ...]] = ("fastest", "best quality")
MOST: Final = 5
"""Proposals that are worth reading."""
HOST_SHARE: Final = 0.9
"""Of the host's memory may be planned with."""
WORTH: Final = 64 << 20
SHARE: Final = 0.01
"""A change that saves less than the one, or in a small model this share of a phase, is not worth a line."""
_FORMATS: Final = (None, "int8-quanto", "int4-quanto", "int2-quanto")
_SACRIFICES: Final[tuple[Try, ...]] = (
    changes.offload,
    changes.one_per_batch,
    changes.small_state,
    changes.small_samples,
    changes.half_rank,
    changes.half_rank,
    changes.half_rank,
    changes.adapter,
)
"""What is given up, the least first, when swapping and recomputing everything does not suffice."""


@dataclass(frozen=True, slots=True)
class Change:
    """One change and the memory it leaves."""

    path: str
    """Of the setting."""
    value: object
    why: str
    """What it costs."""
    peak_bytes: int
    """Of the run with this change and all those listed before it."""


@dataclass(frozen=True, slots=True)
class Proposal:
    """A way to run the job."""

    changes: tuple[Change, ...]
    """Empty: as it is."""
    peak_bytes: int
    host_bytes: int
    slowdown: float
    """Time per sample against the job as it is: 1.2 takes a fifth longer, 0.9 is faster. Counted, not measured."""
    loss: float
    """How much worse the result may be, in percent of a prediction."""
    quality: str
    """The same in words."""
    fits: bool
    """Card, with a margin of a tenth, and host."""
    job: JobShape
    """What results."""


@dataclass(frozen=True, slots=True)
class _Room:
    """What there is."""

    card: int
    host: int | None
    calibration: Calibration

    def weigh(self, job: JobShape) -> Estimate:
        """The job with what steps aside by itself."""
        if job.validation is not None and not job.validation.aside:
            found = estimate(job, self.calibration)
            if found.peak("validation") <= usable(self.card):
                return found
            job = replace(job, validation=replace(job.validation, aside=True))
        return estimate(job, self.calibration)

    def holds(self, found: Estimate) -> bool:
        host = self.host is None or found.host_bytes <= self.host * HOST_SHARE
        return host and self.need(found) <= usable(self.card)

    def need(self, found: Estimate) -> int:
        """Encoding of videos belongs to ``prepare`` and has tiles of its own to fit with."""
        return max(found.peak(phase) for phase in found.phases if phase != "latent_encoding")


def solve(
    job: JobShape,
    card_bytes: int,
    host_bytes: int | None = None,
    wish: Wish = "best quality",
    calibration: Calibration = FORMULAS_ALONE,
) -> tuple[Proposal, ...]:
    """Ways to run ``job`` on a card, best first; those that fit come before those that do not.

    ``host_bytes`` None: host memory is not considered. Never empty: where nothing fits, what needs least is said.
    """
    room = _Room(card_bytes, host_bytes, calibration)
    found = [_proposal(job, (), room)] if not (job.auto_swap or job.auto_recompute) else []
    for kind in _FORMATS:
        fitting = any(proposal.fits for proposal in found)
        if kind == "int2-quanto" and fitting:
            continue
        moves = _fitted(job, changes.quantized(job, kind), room, wish)
        if moves is not None:
            found.append(_proposal(job, moves, room))
    return _ranked(found, wish)


def cheapest(
    job: JobShape, phase: str, count: int = 3, calibration: Calibration = FORMULAS_ALONE
) -> tuple[Change, ...]:
    """Single changes that make a phase need less, each from the job as it is, those that cost least first."""
    before = estimate(job, calibration)
    if phase not in before.phases:
        return ()
    pace = seconds(job.model, job.run)
    found: list[tuple[float, float, Move, Estimate]] = []
    for move in _single(job):
        after = estimate(move.job, calibration)
        if before.total(phase) - after.total(phase) >= min(WORTH, before.total(phase) * SHARE):
            found.append((move.loss, seconds(move.job.model, move.job.run) / pace, move, after))
    found.sort(key=lambda item: item[:2])
    return tuple(_change(move, after.peak(phase)) for *_, move, after in found[:count])


def _change(move: Move, peak: int) -> Change:
    """A move in one line; its first setting is the one that counts."""
    last = move.settings[0]
    beside = "".join(f", with {other.path} {other.value}" for other in move.settings[1:])
    return Change(last.path, last.value, last.why + beside, peak)


def _single(job: JobShape) -> Iterator[Move]:
    layers, run = job.model.layers, job.run
    more = 0 if run.full else min(layers, run.swapped + max(layers // 4, SWAP_SLOTS + 1))
    tries: list[Callable[[JobShape], Move | None]] = [
        lambda job: changes.blocks(job, run.swapped, layers),
        lambda job: changes.blocks(job, more, run.recomputes(layers)),
        changes.text_streamed,
        changes.text_in_8bit,
        *dict.fromkeys(_SACRIFICES),
    ]
    now = _FORMATS.index(run.quantization) if run.quantization in _FORMATS else 1
    tries += [lambda job, kind=kind: changes.quantized(job, kind) for kind in _FORMATS[now + 1 : 3]]  # type: ignore[misc]
    for attempt in tries:
        move = attempt(job)
        if move is not None:
            yield move


def _fitted(job: JobShape, start: Move | None, room: _Room, wish: Wish) -> tuple[Move, ...] | None:
    """Moves that make the job fit from this format of the weights on, or the most that can be done.

    None for a format that is not another one: full training has none to choose.
    """
    if start is None and (job.run.full and job.run.quantization is not None):
        return None
    moves = [] if start is None else [start]
    moves += _text(moves[-1].job if moves else job, room, wish)
    now = moves[-1].job if moves else job
    for sacrifice in (None, *_SACRIFICES):
        move = None if sacrifice is None else sacrifice(now)
        if sacrifice is not None and move is None:
            continue
        if move is not None:
            moves.append(move)
            now = move.job
        placed = _placed(now, room)
        if placed is not None:
            return (*moves, *placed)
    return (*moves, *_most(now))


def _text(job: JobShape, room: _Room, wish: Wish) -> list[Move]:
    """The text encoder made to fit: exactly and slowly, or quickly and nearly exactly."""
    if _text_fits(job, room):
        return []
    tries = (changes.text_in_8bit, changes.text_streamed) if wish == "fastest" else (changes.text_streamed,)
    moves = [move for attempt in tries if (move := attempt(job)) is not None]
    return moves if len(moves) < 2 else [next((move for move in moves if _text_fits(move.job, room)), moves[-1])]


def _text_fits(job: JobShape, room: _Room) -> bool:
    return estimate(job, room.calibration).peak("text_encoding") <= usable(room.card)


def _placed(job: JobShape, room: _Room) -> tuple[Move, ...] | None:
    """The cheapest blocks to swap and recompute; None when no number of them fits."""
    extreme = _most(job)
    if not room.holds(room.weigh(extreme[-1].job if extreme else job)) and room.host is None:
        return None
    free = replace(job, auto_swap=not job.run.full, auto_recompute=True, run=replace(job.run, checkpointing=True))
    plan = resolve_blocks(free, room.card, room.calibration)
    move = changes.blocks(job, plan.swapped, plan.recomputed)
    moves = () if move is None else (move,)
    return moves if room.holds(room.weigh(move.job if move else job)) else None


def _most(job: JobShape) -> tuple[Move, ...]:
    """Everything swapped and recomputed."""
    layers = job.model.layers
    move = changes.blocks(job, 0 if job.run.full else layers, layers)
    return () if move is None else (move,)


def _proposal(job: JobShape, moves: tuple[Move, ...], room: _Room) -> Proposal:
    listed: list[Change] = []
    found = room.weigh(job)
    for move in moves:
        found = room.weigh(move.job)
        listed += [Change(one.path, one.value, one.why, found.peak_bytes) for one in move.settings]
    final = moves[-1].job if moves else job
    loss = ROUNDING[final.run.quantization][0] + sum(move.loss for move in moves if _lossy(move))
    before, after = seconds(job.model, job.run), seconds(final.model, final.run)
    return Proposal(
        changes=_last_of_each(listed),
        peak_bytes=found.peak_bytes,
        host_bytes=found.host_bytes,
        slowdown=after / before,
        loss=loss,
        quality=_quality(final, moves),
        fits=room.holds(found),
        job=final,
    )


def _lossy(move: Move) -> bool:
    """Counted beside the format of the weights, which counts by what it is."""
    return move.settings[0].path != "acceleration.quantization"


def _last_of_each(listed: list[Change]) -> tuple[Change, ...]:
    return tuple({change.path: change for change in listed}.values())


def _quality(final: JobShape, moves: tuple[Move, ...]) -> str:
    said = [ROUNDING[final.run.quantization][1]] if not final.run.full else []
    said += [move.settings[0].why for move in moves if move.loss and _lossy(move)]
    return "; ".join(dict.fromkeys(said)) or "the same numbers"


def _ranked(found: list[Proposal], wish: Wish) -> tuple[Proposal, ...]:
    def cost(proposal: Proposal) -> tuple[float, ...]:
        missing = 0 if proposal.fits else proposal.peak_bytes
        time, loss = round(proposal.slowdown, 2), proposal.loss
        return (missing, *((time, loss) if wish == "fastest" else (loss, time)), len(proposal.changes))

    ranked = sorted(found, key=cost)
    kept: list[Proposal] = []
    for proposal in ranked:
        # One that is neither quicker nor better than one before it is no choice.
        if any(other.fits >= proposal.fits and _beats(other, proposal) for other in kept):
            continue
        kept.append(proposal)
    fitting = [proposal for proposal in kept if proposal.fits]
    return tuple((fitting or kept)[:MOST])


def _beats(other: Proposal, proposal: Proposal) -> bool:
    return other.slowdown <= proposal.slowdown and other.loss <= proposal.loss
