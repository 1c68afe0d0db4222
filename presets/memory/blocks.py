"""How many blocks are swapped and how many recompute, where the trainer is to choose: the cheapest plan that fits."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Final

from presets.memory import phases
from presets.memory.calibration import FORMULAS_ALONE, Calibration
from presets.memory.estimate import JobShape, estimate
from presets.memory.run import SWAP_SLOTS
from presets.memory.shapes import layout
from presets.memory.speed import pace

MARGIN: Final = 0.1
"""Of the card is left alone by every choice made here: for a screen, for other programs, for what is not foreseen."""
ALIKE: Final = 1.02
"""Times that differ by less are not worth another setting."""


@dataclass(frozen=True, slots=True)
class BlockPlan:
    """How many transformer blocks wait in host memory, and how many run again in the backward pass."""

    swapped: int
    recomputed: int


def usable(card_bytes: int) -> int:
    """What a choice may fill of a card."""
    return int(card_bytes * (1 - MARGIN))


def resolve_blocks(job: JobShape, budget_bytes: int, calibration: Calibration = FORMULAS_ALONE) -> BlockPlan:
    """The plan that costs least time among those that fit a card of ``budget_bytes`` with a margin of a tenth.

    Only what the job leaves to be chosen (``auto_swap``, ``auto_recompute``) is. Loading, training, validation and
    saving must fit; decoding of samples may have the model step aside. When nothing fits, the plan that needs least.
    """
    run, layers = job.run, job.model.layers
    plan = layout(job.model, run.modalities)
    speed = pace(job.model, run)
    moving = {recomputed: _moving(job, recomputed) for recomputed in _recomputations(job)}
    others = _other_phases(job)
    tried: list[tuple[int, float, BlockPlan]] = []
    for swapped in _swaps(job):
        weights = phases.resident(plan, replace(run, swapped=swapped)).weights
        for recomputed, step in moving.items():
            missing = max(0, calibration.peak(weights + max(step, others)) - usable(budget_bytes))
            tried.append((missing, speed.seconds(swapped, recomputed), BlockPlan(swapped, recomputed)))
    return _simplest(tried, layers)


def _simplest(tried: list[tuple[int, float, BlockPlan]], layers: int) -> BlockPlan:
    """Of the plans that miss least, and that are as good as the quickest of them, the one with the fewest changes."""
    least = min(missing for missing, *_ in tried)
    fitting = [(time, plan) for missing, time, plan in tried if missing == least]
    quickest = min(time for time, _ in fitting)
    alike = [plan for time, plan in fitting if time <= quickest * ALIKE]
    return min(alike, key=lambda plan: (plan.swapped > 0, 0 < plan.recomputed < layers, plan.swapped, plan.recomputed))


def settled(job: JobShape, card_bytes: int, calibration: Calibration = FORMULAS_ALONE) -> JobShape:
    """The job as it will run on a card: what the trainer chooses by itself there is chosen, and said."""
    said: list[str] = []
    if job.auto_swap or job.auto_recompute:
        plan = resolve_blocks(job, card_bytes, calibration)
        run = replace(job.run, swapped=plan.swapped, recomputed=plan.recomputed)
        job = replace(job, run=run, auto_swap=False, auto_recompute=False)
        said.append(f"for this card {plan.swapped} blocks are swapped and {plan.recomputed} recompute")
    found = estimate(job, calibration)
    if found.peak("text_encoding") > usable(card_bytes) and job.text.encodes_prompts and not job.text.streamed:
        job = replace(job, text=replace(job.text, streamed=True))
        said.append("the text encoder does not fit and passes through the card layer by layer")
    if job.validation is not None and found.peak("validation") > usable(card_bytes) and not job.validation.aside:
        job = replace(job, validation=replace(job.validation, aside=True))
        said.append("the transformer waits in host memory while samples are decoded")
    return replace(job, chosen=(*job.chosen, *said))


def _recomputations(job: JobShape) -> Iterator[int]:
    layers = job.model.layers
    if job.auto_recompute and job.run.checkpointing:
        # One block less than all, or one more than none, is not worth a replay of its own.
        yield from sorted({0, *range(2, layers - 1), layers})
    else:
        yield job.run.recomputes(layers)


def _swaps(job: JobShape) -> Iterator[int]:
    """Swapping no more blocks than there are places for them saves nothing."""
    if not job.auto_swap or job.run.full:
        yield job.run.swapped
        return
    yield 0
    yield from range(SWAP_SLOTS + 1, job.model.layers + 1)


def _moving(job: JobShape, recomputed: int) -> int:
    """A training step without the weights."""
    run = replace(job.run, recomputed=recomputed, checkpointing=recomputed > 0, swapped=0)
    return sum(phases.training_step(job.model, run, _weightless(job)).values())


def _other_phases(job: JobShape) -> int:
    """What loading, validation and saving need beside the weights."""
    plan = layout(job.model, job.run.modalities)
    held = _weightless(job)
    found = [phases.loading(held, plan), phases.saving(held)]
    if job.validation is not None:
        found.append(phases.validation(job.model, job.run, held, replace(job.validation, aside=True)))
    return max(sum(phase.values()) for phase in found)


def _weightless(job: JobShape) -> phases.Resident:
    return replace(phases.resident(layout(job.model, job.run.modalities), job.run), weights=0)
