"""A run in small: real steps at the longest clips, one sample, one save, each phase measured beside its estimate."""

from __future__ import annotations

import math
import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import torch

from presets.memory import Estimate, JobShape, estimate, settled
from presets.memory.calibration import Measurement
from schemas import validate
from schemas.fingerprint import config_fingerprint
from trainer.loop.clips import batch_of
from trainer.loop.meter import Meter, Taken
from trainer.loop.metrics import StepLosses
from trainer.loop.optimizers import move_optimizer
from trainer.loop.reporter import Reporter
from trainer.loop.run import prepare_validation
from trainer.loop.saving import Saver
from trainer.loop.session import Session
from trainer.loop.setup import Prepared, build_session, prepare
from trainer.loop.start import find_start_weights
from trainer.objective.batch import Batch
from trainer.preflight.memory import memory_job
from trainer.rundir import EventLog, RunDirectory, StatusWriter
from trainer.validation.runner import ValidationRunner

if TYPE_CHECKING:
    from schemas import LtxTrainerConfig

TEXT, LOAD, STEP, SAMPLES, SAVE = "text_encoding", "load", "training_step", "validation", "save"
"""Phases of the estimate that a probe goes through."""
LEAST_STEPS: Final = 2
Finish = Callable[["Probe"], None]


@dataclass(frozen=True, slots=True)
class Probe:
    """What was found. Phases that were not reached, or are not part of training, are absent from ``measured``."""

    device: str
    """Name of the card; empty on a processor."""
    predicted: Mapping[str, int]
    """Bytes allocated on a card."""
    measured: Mapping[str, Taken]
    reserved: int
    clips: tuple[str, ...]
    """Names of those that made up the batch."""
    steps: tuple[float, ...]
    """Seconds of each step."""
    job: JobShape = field(repr=False)

    @property
    def step_seconds(self) -> float:
        """Of a usual step: the first one also makes what later ones find made."""
        return statistics.median(self.steps[1:] or self.steps)

    def run_seconds(self, config: LtxTrainerConfig) -> float:
        """Of the whole run, if every step is as long as these and every sample as long as this one."""
        validation, checkpoints, steps = config.validation, config.checkpoints, config.optimization.steps
        samples = 0
        if validation.interval is not None:
            samples = steps // validation.interval + (0 if validation.skip_initial_validation else 1)
        saves = 1 if checkpoints.interval is None else math.ceil(steps / checkpoints.interval)
        each = {name: taken.seconds for name, taken in self.measured.items()}
        once = each.get(TEXT, 0.0) + each.get(LOAD, 0.0)
        sampling = samples * len(validation.samples) * each.get(SAMPLES, 0.0)
        return once + steps * self.step_seconds + sampling + saves * each.get(SAVE, 0.0)

    @property
    def measurement(self) -> Measurement | None:
        """For the calibration of later estimates. None on a processor, whose memory tells nothing about a card, and
        for too few steps: in the first one the optimizer's state does not exist yet.
        """
        if not self.device or STEP not in self.measured or len(self.steps) < LEAST_STEPS:
            return None
        taken = {name: found.peak for name, found in self.measured.items()}
        return Measurement(
            card=self.device,
            model=self.job.model.name,
            mode=self.job.run.mode,
            predicted={name: size for name, size in self.predicted.items() if name in taken},
            measured=taken,
            reserved=self.reserved,
            source="probe",
        )


def shortened(config: LtxTrainerConfig, output: Path) -> LtxTrainerConfig:
    """The same run into another directory, telling nobody, with the one sample that needs most."""
    data: dict[str, Any] = config.model_dump(mode="json")
    data["output_dir"] = str(output)
    data["wandb"]["enabled"] = False
    data["hub"]["push_to_hub"] = False
    samples = config.validation.samples
    if samples:
        sizes = [math.prod(sample.video_dims or config.validation.video_dims) for sample in samples]
        data["validation"]["samples"] = [data["validation"]["samples"][sizes.index(max(sizes))]]
    return validate(data)


def probe(config: LtxTrainerConfig, steps: int, output: Path, ended: Finish) -> None:
    """Go through the phases in ``output`` and hand what was found to ``ended``, also when a phase fails.

    Nothing is written elsewhere but caches that the run itself will use. Raises WizardErrors, and
    what says that memory ran out.
    """
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    work = _Work(shortened(config, output), Meter(device), steps)
    job = memory_job(config)
    if device.type == "cuda":
        job = settled(job, torch.cuda.get_device_properties(device).total_memory)
    found: Estimate = estimate(job)
    run = RunDirectory(output)
    run.create()
    try:
        with EventLog(run.events_path) as events, StatusWriter(run) as status:
            work.go(run, Reporter(events, status))
    finally:
        name = torch.cuda.get_device_name(device) if device.type == "cuda" else ""
        predicted = {phase: found.total(phase) for phase in found.phases}
        meter, seconds = work.meter, tuple(work.seconds)
        ended(Probe(name, predicted, meter.phases, meter.reserved, work.clips, seconds, job))


@dataclass
class _Work:
    config: LtxTrainerConfig
    meter: Meter
    steps: int
    clips: tuple[str, ...] = ()
    seconds: list[float] = field(default_factory=list)

    def go(self, run: RunDirectory, reporter: Reporter) -> None:
        start = find_start_weights(self.config)
        with self.meter.phase(TEXT):
            runner = prepare_validation(self.config, run, reporter)
            prepared = prepare(self.config, warn=reporter.warn, share=reporter.share)
        with self.meter.phase(LOAD):
            session = build_session(self.config, config_fingerprint(self.config), prepared, start, reporter)
        batch = longest(prepared)
        self.clips = batch.names
        with self.meter.phase(STEP):
            self._train(session, batch, reporter)
        if runner is not None:
            with self.meter.phase(SAMPLES):
                self._validate(runner, session, reporter)
        with self.meter.phase(SAVE):
            reporter.phase("saving", f"step {session.progress.step}")
            Saver(run, session, reporter.events).save()

    def _train(self, session: Session, batch: Batch, reporter: Reporter) -> None:
        engine, progress = session.engine, session.progress
        device = engine.accelerator.device
        for _ in range(self.steps):
            started = time.perf_counter()
            losses = StepLosses()
            for micro in range(engine.accumulation):
                engine.micro_step(progress.step, micro, batch.to(device), losses)
            # Its outcome is read back from the device, so the step has ended when this returns.
            engine.finish(losses, session.learning_rate.at(progress.step))
            if session.average is not None:
                session.average.update(progress.step)
            progress.step += 1
            self.seconds.append(time.perf_counter() - started)
            reporter.share("training", "step", progress.step, self.steps)
            reporter.line(f"step {progress.step} of {self.steps}: {self.seconds[-1]:.2f} s")

    def _validate(self, runner: ValidationRunner, session: Session, reporter: Reporter) -> None:
        """As the run validates, but that a failure ends it: the run would go on without samples."""
        reporter.phase("validating", "one sample")
        optimizer = session.engine.optimizer
        offload = self.config.acceleration.offload_optimizer_during_validation
        if offload:
            move_optimizer(optimizer, torch.device("cpu"))
        runner.run(session.transformer, session.progress.step, lambda *share: reporter.share("validating", *share))
        if offload:
            move_optimizer(optimizer, None)


def longest(prepared: Prepared) -> Batch:
    """The batch whose clips have most tokens of the wide half; clips that never fill a batch do not count."""
    first = {prepared.clips.shapes[batch[0]]: batch for batch in prepared.order.epoch(0)}
    found = [batch_of([prepared.clips.clip(position) for position in batch]) for batch in first.values()]
    return max(found, key=_tokens)


def _tokens(batch: Batch) -> tuple[int, int]:
    video = 0 if batch.video_BCFHW is None else batch.video_BCFHW.shape[2:].numel()
    audio = 0 if batch.audio_BCTM is None else batch.audio_BCTM.shape[2]
    for references in batch.references.values():
        shape = references.latents.shape
        video, audio = (video + math.prod(shape[2:]), audio) if len(shape) == 5 else (video, audio + shape[2])
    return video, audio
