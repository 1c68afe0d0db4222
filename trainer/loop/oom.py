"""Device memory ran out: the estimate beside the fact, and what helps, the cheapest first."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final

import torch

from presets.memory import Card, Change, Estimate, cheapest, solve, weigh
from presets.memory.card import host_memory
from schemas.errors import EnvironmentFault
from trainer.preflight.memory import memory_job

if TYPE_CHECKING:
    from schemas import LtxTrainerConfig

STEP: Final = "training_step"
_PHASES: Final = {
    "caching": "text_encoding",
    "text": "text_encoding",
    "loading": "load",
    "load": "load",
    "validati": "validation",
    "sampl": "validation",
    "saving": "save",
}
"""Words in the name of what was being done, and what the estimate calls that."""
_GIB: Final = 2**30


def explain_oom(
    config: LtxTrainerConfig, device: torch.device, message: str, during: str = "a training step", fact: str = ""
) -> EnvironmentFault:
    """The error to end with. ``message`` is what the device said, ``fact`` what ``measured`` said then, if asked."""
    phase = next((name for word, name in _PHASES.items() if word in during), STEP)
    job, card = memory_job(config), card_of(device)
    found = weigh(job, card)
    fixes = [f"{number}) {fix}" for number, fix in enumerate(_listed(cheapest(found.job, phase)), start=1)]
    best = None if card is None else solve(job, card.memory, host_memory())[0]
    if best is not None and best.fits and best.changes:
        settings = ", ".join(f"{change.path}={json.dumps(change.value)}" for change in best.changes)
        fixes.append(f"together, by the estimate: {settings} ({best.peak_bytes / _GIB:.1f} GB)")
    return EnvironmentFault(
        f"the device ran out of memory in {during}: {message.splitlines()[0]}",
        why=f"{fact or measured(device)}; {_estimated(found, phase)}",
        hint="; ".join(fixes),
    )


def cheapest_fixes(config: LtxTrainerConfig, phase: str = STEP) -> list[str]:
    """The three changes that save memory in a phase and cost least, in that order."""
    return _listed(cheapest(memory_job(config), phase))


def card_of(device: torch.device) -> Card | None:
    """The card that a device is; None for a processor."""
    if device.type != "cuda":
        return None
    properties = torch.cuda.get_device_properties(device)
    return Card(properties.name, properties.total_memory)


def _listed(changes: tuple[Change, ...]) -> list[str]:
    fixes = [f"set {change.path} to {json.dumps(change.value)} ({change.why})" for change in changes]
    return [*fixes, "prepare the clips with fewer frames or a smaller resolution"][:3]


def measured(device: torch.device) -> str:
    """What was taken of the device at most since its account of peaks was begun, which every new phase does."""
    if device.type != "cuda":
        return "measured: nothing, for this device keeps no account of its memory"
    total = torch.cuda.get_device_properties(device).total_memory
    free, _ = torch.cuda.mem_get_info(device)
    here = torch.cuda.memory_reserved(device)
    others = max(0, total - free - here)
    peak = torch.cuda.max_memory_allocated(device)
    return (
        f"measured: tensors took {peak / _GIB:.1f} GB of the card's {total / _GIB:.1f} GB at the peak, "
        f"{others / _GIB:.1f} GB are held by others and the driver"
    )


def _estimated(found: Estimate, phase: str) -> str:
    each = ", ".join(f"{name.replace('_', ' ')} {found.total(name) / _GIB:.1f}" for name in found.phases)
    of_phase = f"{found.total(phase) / _GIB:.1f} GB of tensors in this phase, " if phase in found.phases else ""
    return (
        f"estimated: {of_phase}{found.peak_bytes / _GIB:.1f} GB of the card at the worst "
        f"(tensors by phase in GB: {each}); it {found.calibration.words}"
    )
