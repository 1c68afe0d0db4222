"""The whole estimate of a run: memory of the card by phase, host memory, disk, and what it rests on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from presets.memory import phases
from presets.memory.calibration import FORMULAS_ALONE, Calibration
from presets.memory.decoding import ClipSize
from presets.memory.phases import Categories, Resident, TextShape, ValidationShape
from presets.memory.run import RunShape
from presets.memory.shapes import ModelShape, layout
from presets.memory.tape import FP32, HALF

GIB: Final = 2**30
HOST_PROCESS: Final = 3 * GIB
"""Interpreter, torch and CUDA in host memory: a round upper bound, not measured."""
HOST_WORKER: Final = GIB // 2
"""A loader process: an upper bound, not measured."""


@dataclass(frozen=True, slots=True)
class SavingShape:
    """What is written during a run."""

    saves: int = 1
    """How many saves are made in all."""
    keep: int = 1
    """How many stay; 0 or less: all."""
    state: str = "minimal"
    """full, minimal or off."""
    fp32: bool = False
    captions: int = 0
    """Samples whose connector outputs are kept on disk."""


@dataclass(frozen=True, slots=True)
class JobShape:
    """Everything an estimate is made from."""

    model: ModelShape
    run: RunShape
    clip: ClipSize | None
    """The largest clip that is encoded when the data is prepared; None without video."""
    validation: ValidationShape | None
    text: TextShape
    saving: SavingShape
    workers: int = 2
    auto_swap: bool = False
    """The trainer chooses how many blocks are swapped; until then ``run.swapped`` counts."""
    auto_recompute: bool = False
    """The same for recomputed blocks and ``run.recomputed``."""
    assumed: tuple[str, ...] = ()
    """What the caller did not know and took for granted, as sentences."""
    chosen: tuple[str, ...] = ()
    """What the trainer settles by itself on the card in question, as sentences."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """Bytes by phase and category."""

    job: JobShape
    phases: dict[str, Categories]
    host: dict[str, int]
    """Host memory by phase, where it differs."""
    disk_bytes: int
    calibration: Calibration = FORMULAS_ALONE

    @property
    def assumed(self) -> tuple[str, ...]:
        return self.job.assumed

    @property
    def dominant(self) -> str:
        """The phase that needs most."""
        return max(self.phases, key=self.total)

    def total(self, phase: str) -> int:
        """Allocated bytes of one phase."""
        return sum(self.phases[phase].values())

    @property
    def host_bytes(self) -> int:
        """Host memory at its worst moment."""
        return max(self.host.values())

    @property
    def allocated_bytes(self) -> int:
        """What tensors take at the worst moment."""
        return self.total(self.dominant)

    def peak(self, phase: str) -> int:
        """What a card must have free in one phase."""
        return self.calibration.peak(self.total(phase))

    @property
    def peak_bytes(self) -> int:
        """What a card must have free."""
        return self.calibration.peak(self.allocated_bytes)

    def fits(self, card_bytes: int) -> bool:
        return self.peak_bytes <= card_bytes

    def as_json(self, card_bytes: int | None) -> dict[str, Any]:
        """The stable form; ``fits`` is None when no card is known."""
        return {
            "fits": None if card_bytes is None else self.fits(card_bytes),
            "assumed": list(self.assumed),
            "chosen": list(self.job.chosen),
            "basis": self.calibration.words,
            "vram": {
                "allocated_bytes": self.allocated_bytes,
                "peak_bytes": self.peak_bytes,
                "card_bytes": card_bytes,
                "phases": self.phases,
            },
            "host": {"peak_bytes": self.host_bytes, "phases": self.host},
            "disk": {"bytes": self.disk_bytes},
        }


def estimate(job: JobShape, calibration: Calibration = FORMULAS_ALONE) -> Estimate:
    """Everything, in a few hundredths of a second."""
    plan = layout(job.model, job.run.modalities)
    held = phases.resident(plan, job.run)
    found: dict[str, Categories] = {"text_encoding": phases.text_encoding(job.model, job.run, job.text)}
    if job.clip is not None:
        found["latent_encoding"] = phases.latent_encoding(job.model, job.clip)
    found["load"] = phases.loading(held, plan)
    found["training_step"] = phases.training_step(job.model, job.run, held)
    if job.validation is not None:
        found["validation"] = phases.validation(job.model, job.run, held, job.validation)
    found["save"] = phases.saving(held)
    return Estimate(job, found, _host_bytes(job, held), _disk_bytes(job, held), calibration)


def _host_bytes(job: JobShape, held: Resident) -> dict[str, int]:
    """Process and loaders, and what each phase puts beside them: swapped blocks, copies for a save, what waits."""
    running = HOST_PROCESS + job.workers * HOST_WORKER + held.swapped
    copies = {"full": FP32 * held.trained + held.optimizer, "minimal": FP32 * held.trained, "off": 0}[job.saving.state]
    export = held.trained * (FP32 if job.saving.fp32 else HALF)
    if job.run.averaged and job.saving.state != "off":
        copies += FP32 * held.trained
    found = {"text_encoding": HOST_PROCESS + _text_on_host(job), "training_step": running}
    if job.validation is not None:
        aside = held.weights + held.adapter if job.validation.aside else 0
        found["validation"] = running + aside + (held.optimizer if job.validation.offload_optimizer else 0)
    found["save"] = running + copies + export
    return found


def _text_on_host(job: JobShape) -> int:
    """The states of all prompts wait there for the extractor; two layers pass through, as they are stored."""
    if not job.text.encodes_prompts:
        return 0
    parts = job.model.parts
    states = job.text.prompts * job.run.text_tokens * parts.text_hidden * parts.text_states * HALF
    return states + (phases.STREAM_SLOTS * HALF * parts.text_layer if job.text.streamed else 0)


def _disk_bytes(job: JobShape, held: Resident) -> int:
    """Saves at the moment when one more than is kept stands there, and the cache of captions."""
    saving = job.saving
    state = {"full": FP32 * held.trained + held.optimizer, "minimal": FP32 * held.trained, "off": 0}[saving.state]
    export = held.trained * (FP32 if saving.fp32 else HALF)
    if job.run.full:
        # The export carries the untrained parts of the checkpoint along.
        parts = job.model.parts
        export += HALF * (parts.video_connector + parts.audio_connector + parts.extractor)
    elif job.run.averaged:
        export *= 2
        state += FP32 * held.trained if saving.state != "off" else 0
    count = saving.saves if saving.keep <= 0 else min(saving.saves, saving.keep + 1)
    widths = sum(job.model.branch(name).width for name in job.run.modalities)
    captions = saving.captions * job.run.text_tokens * widths * HALF
    return count * (state + export) + captions
