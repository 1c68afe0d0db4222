"""What the phases of ``prepare`` share: what is left to do, progress, one model in memory at a time, failed samples."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

import torch
from torch import Tensor

from schemas.errors import CheckpointError, DataError, EnvironmentFault
from trainer.data.plan import Plan, Sample
from trainer.data.pt_files import Content, save_pt
from trainer.data.report import Finding, Report
from trainer.model.out_of_memory import is_out_of_memory

T = TypeVar("T")
M = TypeVar("M")
_LINES = 200


@dataclass(frozen=True, slots=True)
class Workshop:
    """The plan, the report being filled, where models run, and where progress lines go."""

    plan: Plan
    report: Report
    device: torch.device
    say: Callable[[str], None]

    @property
    def dtype(self) -> torch.dtype:
        """What the video VAE computes in: bfloat16 as published, float32 on a processor, where bfloat16 is slower."""
        return torch.bfloat16 if self.device.type == "cuda" else torch.float32

    def pending(self, directory: str, samples: Sequence[Sample]) -> list[Sample]:
        """Samples whose file in ``directory`` is missing."""
        todo = [sample for sample in samples if not self.plan.output(directory, sample).exists()]
        self.report.kept[directory] += len(samples) - len(todo)
        return todo

    def save(self, directory: str, sample: Sample, content: Content) -> None:
        """Write one prepared file; DataError when a tensor is not finite."""
        for key, value in content.items():
            if isinstance(value, Tensor) and value.is_floating_point() and not torch.isfinite(value).all():
                raise DataError(f"was encoded to numbers that are not finite ({key})")
        save_pt(self.plan.output(directory, sample), content)
        self.report.written[directory] += 1

    def attempt(self, sample: Sample, phase: str, work: Callable[[], T]) -> T | None:
        """The result of ``work``; when the sample's data are at fault it is reported as dropped and None returned."""
        try:
            return work()
        except CheckpointError:
            raise
        except DataError as error:
            path = str(error.where.path or sample.media.get("video") or sample.media.get("audio") or "")
            self.report.dropped.append(Finding(sample.name, phase, path, error.message))
            return None

    def note(self, sample: Sample, phase: str, reason: str, role: str = "video") -> None:
        """Remember something worth knowing about a sample."""
        self.report.notes.append(Finding(sample.name, phase, str(sample.media.get(role, "")), reason))

    def progress(self, phase: str, done: int, total: int) -> None:
        """One plain line, at most two hundred in a phase."""
        if done == total or done * _LINES // total != (done - 1) * _LINES // total:
            self.say(f"{phase} {done}/{total}")

    def using(self, what: str, load: Callable[[], M], work: Callable[[M], None]) -> None:
        """Load a model, do the work of a phase with it, and give its memory back before returning.

        ``work`` must not keep the model. Running out of memory becomes an EnvironmentFault that says what helps.
        """
        self.say(f"loading {what}")
        try:
            model = load()
            work(model)
        except RuntimeError as error:
            if not is_out_of_memory(error):
                raise
            raise EnvironmentFault(
                f"the device ran out of memory with the {what}",
                why=str(error).splitlines()[0],
                hint="try --vae-tiling for large pictures, --load-text-encoder-in-8bit for captions, "
                "a smaller bucket, or --device cpu",
            ) from error
        remains = weakref.ref(model)
        del model
        if remains() is not None:  # something in it refers to itself
            gc.collect()
        if self.device.type == "cuda":
            torch.cuda.empty_cache()
