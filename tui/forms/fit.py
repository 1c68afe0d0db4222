"""Whether a draft fits the card, worked out from shapes at every change."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from presets.memory import GIB, Card, Estimate, JobShape, Proposal, Wish, solve, weigh
from presets.memory.card import card_of_size, host_memory
from schemas import validate
from schemas.errors import WizardError
from trainer.preflight.memory import memory_job


@dataclass(frozen=True, slots=True)
class Fit:
    """The estimate of a valid configuration against a card."""

    estimate: Estimate
    job: JobShape
    """As configured, with what is left to the trainer still open."""
    card: int | None
    """Bytes; None when no card is known."""

    @property
    def fits(self) -> bool:
        """True when it fits, or there is nothing to compare with."""
        return self.card is None or self.estimate.fits(self.card)

    def short(self) -> str:
        """A few words for the title: ``22.3 of 32 GB``."""
        need = f"{self.estimate.peak_bytes / GIB:.1f}"
        return f"{need} GB" if self.card is None else f"{need} of {self.card / GIB:.0f} GB"

    def lines(self) -> Iterator[str]:
        """Phase by phase, what it rests on, and what to change when it does not fit."""
        largest = max(self.estimate.peak_bytes, self.card or 0)
        for phase in self.estimate.phases:
            size = self.estimate.total(phase)
            mark = "  <- most" if phase == self.estimate.dominant else ""
            name = phase.replace("_", " ")
            yield f"{name:<16} {size / GIB:6.1f} GB {'█' * max(1, round(24 * size / largest))}{mark}"
        if self.card is None:
            yield "no card is known here; start with --vram GB to compare"
        elif self.fits:
            yield f"fits a card of {self.card / GIB:.0f} GB"
        else:
            yield f"error: does not fit a card of {self.card / GIB:.0f} GB; to need less, one after the other:"
            for change in self.proposals()[0].changes:
                yield f"  {change.path}: {change.value}  -> {change.peak_bytes / GIB:.1f} GB ({change.why})"
        yield f"host memory {self.estimate.host_bytes / GIB:.1f} GB, disk {self.estimate.disk_bytes / GIB:.1f} GB"
        for sentence in self.estimate.job.chosen:
            yield f"by itself: {sentence}"
        for sentence in self.estimate.assumed:
            yield f"assumed: {sentence}"
        yield f"the estimate {self.estimate.calibration.words}"

    def proposals(self, wish: Wish = "best quality") -> tuple[Proposal, ...]:
        """Ways to fit the card, best first; none without a card. Takes a few tenths of a second."""
        if self.card is None:
            return ()
        return solve(self.job, self.card, host_memory(), wish, self.estimate.calibration)


def memory_fit(data: Mapping[str, Any], card: int | None) -> Fit | None:
    """The fit of a configuration; None while it is not valid. Takes tens of milliseconds and reads headers only."""
    try:
        job = memory_job(validate(copy.deepcopy(dict(data))))
    except WizardError:
        return None
    return Fit(weigh(job, None if card is None else _named(card)), job, card)


@lru_cache(maxsize=8)
def _named(memory: int) -> Card:
    """Asked once: the driver's tool takes longer than the estimate."""
    return card_of_size(memory)
