"""A job put on a card: what the trainer chooses there is chosen, and what runs here have shown corrects the rest."""

from __future__ import annotations

from dataclasses import replace

from presets.memory import calibration
from presets.memory.blocks import settled
from presets.memory.calibration import Calibration
from presets.memory.card import Card
from presets.memory.estimate import Estimate, JobShape, estimate


def known(job: JobShape, card: Card | None) -> Calibration:
    """What runs of this kind on this card have shown."""
    name = card.name if card is not None and card.name else None
    return calibration.apply(calibration.load(), name, job.model.name, job.run.mode)


def weigh(job: JobShape, card: Card | None) -> Estimate:
    """The estimate on a card; without one, what depends on it stays at its start value, and that is said."""
    corrected = known(job, card)
    if card is not None:
        return estimate(settled(job, card.memory, corrected), corrected)
    if job.auto_swap or job.auto_recompute:
        said = "no card is known: nothing is taken to be swapped by itself, and every block to recompute"
        job = replace(job, assumed=(*job.assumed, said))
    return estimate(job, corrected)
