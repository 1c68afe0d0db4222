"""The estimate as people read it, within 80 columns, and as programs do."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from presets.memory import GIB, Card, Estimate, Proposal

COLUMNS: Final = 80
_BAR: Final = 34
_LEAST: Final = 0.05
"""Categories below this many GB are not listed by name."""
PHASES: Final = {
    "text_encoding": "text encoding",
    "latent_encoding": "latent encoding (prepare)",
    "load": "load",
    "training_step": "training step",
    "validation": "validation",
    "save": "save",
}
_METHOD: Final = (
    "sizes of all tensors, computed from shapes; the training step agrees to 1 % with the real network run without "
    "numbers, video encoding and decoding too; text encoding, sound and host memory are upper bounds; times are "
    "counted, not measured"
)
_NOT_MEASURED: Final = "; no run on this card is known: 5 % and 0.6 GB are added for context and fragmentation"


@dataclass(frozen=True, slots=True)
class Answer:
    """An estimate against a card, and ways to fit it."""

    found: Estimate
    card: Card | None
    proposals: tuple[Proposal, ...]
    wish: str

    def as_json(self) -> dict[str, Any]:
        """The stable form; ``changes`` are those of the first proposal when the run does not fit."""
        size = None if self.card is None else self.card.memory
        answer = self.found.as_json(size)
        answer["dominant"] = self.found.dominant
        first = self.proposals[0].changes if self.proposals and not answer["fits"] else ()
        answer["changes"] = [_change(change) for change in first]
        answer["wish"] = self.wish
        answer["proposals"] = [_proposal(proposal) for proposal in self.proposals]
        answer["method"] = _METHOD
        return answer

    def lines(self) -> Iterator[str]:
        """Everything a person needs to decide."""
        yield from _wrapped(_run(self.found))
        yield ""
        yield from self._bars()
        yield ""
        found = self.found
        yield f"peak {_gb(found.peak_bytes)} in {PHASES[found.dominant]}, context and fragmentation included"
        yield self._verdict()
        for phase, size in self.found.host.items():
            if size == self.found.host_bytes:
                yield f"host memory {_gb(size)} ({PHASES[phase]}), disk {_gb(self.found.disk_bytes)}"
                break
        yield from self._basis()
        yield from self._ways()

    def _bars(self) -> Iterator[str]:
        """A bar per phase, all on one scale, and what it is made of."""
        found = self.found
        full = max(found.peak_bytes, self.card.memory if self.card else 0)
        widest = max(len(PHASES[phase]) for phase in found.phases)
        for phase in found.phases:
            size = found.peak(phase)
            bar = "█" * max(1, round(_BAR * size / full))
            mark = " <- most" if phase == found.dominant else ""
            yield f"{PHASES[phase]:{widest}}  {_gb(size):>8}  {bar}{mark}"
            yield from _wrapped(_categories(found.phases[phase]), indent="    ")

    def _verdict(self) -> str:
        if self.card is None:
            return "no card is known here: give --vram GB"
        spare = self.card.memory - self.found.peak_bytes
        if spare >= 0:
            return f"fits a card of {_gb(self.card.memory)}, {_gb(spare)} to spare"
        return f"does not fit a card of {_gb(self.card.memory)}, {_gb(-spare)} too much"

    def _basis(self) -> Iterator[str]:
        for sentence in self.found.job.chosen:
            yield from _wrapped(f"by itself: {sentence}", later="  ")
        for sentence in self.found.assumed:
            yield from _wrapped(f"assumed: {sentence}", later="  ")
        words = self.found.calibration.words
        known = "" if self.found.calibration.runs else _NOT_MEASURED
        yield from _wrapped(f"{words}: {_METHOD}{known}", later="  ")

    def _ways(self) -> Iterator[str]:
        if not self.proposals or self.card is None:
            return
        yield ""
        if not self.proposals[0].fits:
            yield from _wrapped("nothing in the configuration makes it fit: use smaller or shorter clips; nearest is:")
        else:
            yield f"ways to fit {_gb(self.card.memory)} with a tenth to spare, {self.wish} first:"
        for number, proposal in enumerate(self.proposals, start=1):
            time = f"{proposal.slowdown:.2f} times as long"
            needs = f"{_gb(proposal.peak_bytes)}, host {_gb(proposal.host_bytes)}, {time}; {proposal.quality}"
            yield from _wrapped(f"{number}. {needs}", indent=" ", later="    ")
            if not proposal.changes:
                yield "    as it is"
            for change in proposal.changes:
                yield f"    {change.path}: {json.dumps(change.value)}"


def _run(found: Estimate) -> str:
    run, layers = found.job.run, found.job.model.layers
    kind = "full training" if run.full else f"LoRA rank {run.rank}"
    tokens = " + ".join(f"{run.tokens(name):,} {name}" for name in run.modalities)
    parts = [f"LTX-{found.job.model.name}", kind, f"{tokens} tokens", f"batch {run.batch}"]
    if not run.full:
        parts.append(f"weights {run.quantization or ('bf16' if run.half else 'fp32')}")
    if run.swapped:
        parts.append(f"{min(run.swapped, layers)} of {layers} blocks swapped")
    if run.recomputes(layers) != layers:
        parts.append(f"{run.recomputes(layers)} of {layers} blocks recomputed")
    return ", ".join(parts)


def _categories(sizes: Mapping[str, int]) -> str:
    ordered = sorted(sizes.items(), key=lambda item: -item[1])
    return ", ".join(f"{name} {size / GIB:.1f}" for name, size in ordered if size >= _LEAST * GIB)


def _proposal(proposal: Proposal) -> dict[str, Any]:
    return {
        "fits": proposal.fits,
        "peak_bytes": proposal.peak_bytes,
        "host_bytes": proposal.host_bytes,
        "slowdown": round(proposal.slowdown, 3),
        "quality": proposal.quality,
        "changes": [_change(change) for change in proposal.changes],
    }


def _change(change: Any) -> dict[str, Any]:
    return {"path": change.path, "value": change.value, "cost": change.why, "peak_bytes": change.peak_bytes}


def _wrapped(text: str, *, indent: str = "", later: str | None = None) -> list[str]:
    return textwrap.wrap(text, COLUMNS, initial_indent=indent, subsequent_indent=indent if later is None else later)


def _gb(size: int) -> str:
    return f"{size / GIB:.1f} GB"
