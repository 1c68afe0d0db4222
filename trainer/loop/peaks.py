"""What each phase of a run took of the card, kept beside what was predicted, for the next estimate.

The peaks are the allocator's own; on a processor there are none, and nothing is kept.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

import torch

from presets.memory import Card, JobShape, estimate, settled
from presets.memory.calibration import Measurement, record
from schemas.errors import WizardError
from trainer.preflight.memory import memory_job
from trainer.rundir.events import Event, EventLog

if TYPE_CHECKING:
    from schemas import LtxTrainerConfig

STEP: Final = "training_step"
PHASES: Final = {
    "caching": "text_encoding",
    "loading": "load",
    "validating": "validation",
    "saving": "save",
}
"""Phases of a run, and what the estimate calls them. Training is measured step by step, see :class:`Peaks`."""
LEAST_STEPS: Final = 2
"""In the first step the optimizer's state does not exist yet."""
Read = Callable[[], tuple[int, int]]
"""Bytes that were allocated and held at most since this was asked last."""


def on_card() -> tuple[int, int]:
    """``Read`` of the CUDA device at work."""
    found = torch.cuda.max_memory_allocated(), torch.cuda.max_memory_reserved()
    torch.cuda.reset_peak_memory_stats()
    return found


@dataclass
class Peaks:
    """Watches the events of a run and remembers the peak of each phase.

    A step's event says its own peak and ends its measurement; the other phases are measured from one to the next.
    """

    read: Read
    allocated: dict[str, int] = field(default_factory=dict)
    reserved: int = 0
    steps: int = 0
    _phase: str = ""

    def see(self, event: Event) -> None:
        """Take note of one event."""
        if event.get("type") == "metric":
            metrics = event.get("metrics")
            peak = metrics.get("memory_peak") if isinstance(metrics, dict) else None
            if isinstance(peak, int) and self._phase not in PHASES:
                self.steps += 1
                self._most(STEP, peak)
                held = metrics.get("memory_reserved", 0) if isinstance(metrics, dict) else 0
                self.reserved = max(self.reserved, held)
        elif event.get("type") == "phase" and event.get("phase") != self._phase:
            allocated, reserved = self.read()
            if self._phase in PHASES:
                self._most(PHASES[self._phase], allocated)
                self.reserved = max(self.reserved, reserved)
            self._phase = str(event.get("phase"))

    def _most(self, phase: str, size: int) -> None:
        self.allocated[phase] = max(self.allocated.get(phase, 0), size)

    def measurement(self, job: JobShape, card: Card) -> Measurement | None:
        """Measured beside predicted; None while too little was seen."""
        if self.steps < LEAST_STEPS:
            return None
        found = estimate(settled(job, card.memory))
        return Measurement(
            card=card.name,
            model=job.model.name,
            mode=job.run.mode,
            predicted={phase: found.total(phase) for phase in found.phases if phase in self.allocated},
            measured=dict(self.allocated),
            reserved=self.reserved,
        )


@contextmanager
def peaks_kept(
    events: EventLog,
    config: LtxTrainerConfig,
    say: Callable[[str], object],
    read: Read = on_card,
    card: Card | None = None,
) -> Iterator[None]:
    """Inside, a run is measured; when it ends well, that is kept for later estimates. ``card`` None: the CUDA device.

    Without a card nothing happens. A disk that refuses, or files that cannot be read any more, are told through
    ``say`` and change nothing else: the run has ended well.
    """
    card = _device() if card is None else card
    if card is None:
        yield
        return
    peaks, before = Peaks(read), events.observer

    def both(event: Event) -> None:
        peaks.see(event)
        if before is not None:
            before(event)

    events.observer = both
    try:
        yield
    finally:
        events.observer = before
    try:
        found = peaks.measurement(memory_job(config), card)
        if found is None:
            return
        record(found)
    except (WizardError, OSError) as error:
        reason = (error.strerror if isinstance(error, OSError) else None) or str(error)
        say(f"warning: what this run took of the card is not kept for later estimates: {reason}")
        return
    predicted, measured = (sizes[STEP] / 2**30 for sizes in (found.predicted, found.measured))
    say(f"a training step took {measured:.2f} GB of the card, {predicted:.2f} were predicted; kept for later estimates")


def _device() -> Card | None:
    if not torch.cuda.is_available():
        return None
    properties = torch.cuda.get_device_properties(torch.cuda.current_device())
    return Card(properties.name, properties.total_memory)
