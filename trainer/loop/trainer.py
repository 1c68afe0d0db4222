"""The optimisation loop."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Generator
from dataclasses import dataclass, field

import torch

from schemas.errors import EXIT_OK, EXIT_STOPPED, DataError, EnvironmentFault, NumericError, WizardError
from trainer.loop.controls import Desk
from trainer.loop.delta import delta_metrics
from trainer.loop.engine import Outcome
from trainer.loop.memory import forget_peak, memory_metrics
from trainer.loop.metrics import StepLosses, loss_metrics
from trainer.loop.oom import explain_oom, measured
from trainer.loop.reporter import Reporter
from trainer.loop.saving import Saver
from trainer.loop.session import Session
from trainer.loop.signals import Interrupted, StopSignals
from trainer.loop.tracker import Tracker
from trainer.loop.validating import Validator
from trainer.model.out_of_memory import is_out_of_memory
from trainer.objective.batch import Batch
from trainer.validation.room import StrandedError

MAX_BAD_STEPS = 3
"""Steps in a row that may be left out for not being finite."""
MAX_OVERFLOWS = 30
"""The same with a loss scaler, which starts too high on purpose and halves at each."""
PAUSE_SECONDS = 0.2
HOW_TO_RESUME = "go on with p in the monitor, or with `ltx2-wizard send RUN resume`"
Clock = Callable[[], float]


@dataclass(frozen=True, slots=True)
class Step:
    """One optimizer step as it went."""

    outcome: Outcome
    names: tuple[str, ...]
    tokens: int
    step_seconds: float
    data_seconds: float


@dataclass
class Trainer:
    """Runs a session to its end, or to the next reason to stop.

    The order at a step is: optimizer, metrics, checkpoint, validation.
    """

    session: Session
    batches: Generator[Batch, None, None]
    saver: Saver
    validator: Validator
    desk: Desk
    signals: StopSignals
    reporter: Reporter
    tracker: Tracker
    clock: Clock = time.monotonic
    recent_seconds: deque[float] = field(default_factory=lambda: deque(maxlen=50))

    def run(self) -> int:
        """Train; returns the exit code: 0, or that of the request to stop.

        Raises NumericError, or EnvironmentFault when memory or disk run out.
        """
        total = self.session.config.optimization.steps
        progress = self.session.progress
        self.validator.heed = self._heed
        if progress.step < total and not self._must_stop():
            skip = self.session.config.validation.skip_initial_validation
            self._unless_stopped(lambda: self.validator.begin(progress.step, self.desk.validation_interval, skip=skip))
        self._training()
        while progress.step < total and not self._must_stop():
            step = self._step()
            progress.step += 1
            self._report(step)
            self._guard(step)
            self._after_step(last=progress.step == total)
            self._wait_while_paused()
        if progress.step < total:
            return self._stopped()
        self._save()
        self.reporter.phase("finished")
        return EXIT_OK

    def _step(self) -> Step:
        """One optimizer step; if memory runs out or clips do not come, the state before it is saved first."""
        consumed = self.session.progress.batches
        out_of_memory = ""
        damaged: WizardError | None = None
        try:
            return self._attempt()
        except RuntimeError as error:
            if not is_out_of_memory(error):
                raise
            out_of_memory = str(error)
        except (DataError, EnvironmentFault) as error:
            damaged = error
        # Outside the handler: its traceback would keep the activations alive.
        device = self.session.engine.accelerator.device
        fact = measured(device) if out_of_memory else ""  # now: saving begins another account of peaks
        self.session.progress.batches = consumed
        self.session.engine.drop_gradients()
        if torch.cuda.is_available():
            torch.cuda.empty_cache()
        if self.session.progress.step > 0:
            self._save()
        if damaged is not None:
            raise damaged
        raise explain_oom(self.session.config, device, out_of_memory, fact=fact)

    def _attempt(self) -> Step:
        engine, progress = self.session.engine, self.session.progress
        started = self.clock()
        losses, waited = StepLosses(), 0.0
        names: list[str] = []
        for micro in range(engine.accumulation):
            self.desk.poll()
            asked = self.clock()
            batch = next(self.batches)
            waited += self.clock() - asked
            progress.batches += 1
            names += batch.names
            engine.micro_step(progress.step, micro, batch.to(engine.accelerator.device), losses)
        outcome = engine.finish(losses, self.session.learning_rate.at(progress.step))
        if outcome.applied and self.session.average is not None:
            self.session.average.update(progress.step)
        tokens = losses.tokens * engine.accelerator.num_processes
        return Step(outcome, tuple(names), tokens, self.clock() - started, waited)

    def _report(self, step: Step) -> None:
        session = self.session
        done, total = session.progress.step, session.config.optimization.steps
        metrics: dict[str, float] = loss_metrics(step.outcome.rows, session.engine.strategy.plan.generated)
        metrics["lr"] = session.learning_rate.at(done - 1)
        metrics["grad_norm"] = step.outcome.grad_norm
        metrics["step_seconds"] = step.step_seconds
        metrics["data_seconds"] = step.data_seconds
        metrics["compute_seconds"] = step.step_seconds - step.data_seconds
        metrics["tokens_per_second"] = step.tokens / step.step_seconds
        metrics |= memory_metrics(session.engine.accelerator.device)
        metrics |= delta_metrics(session.transformer, done)
        self.recent_seconds.append(step.step_seconds)
        left = (total - done) * sum(self.recent_seconds) / len(self.recent_seconds)
        self.reporter.metrics(done, total, metrics, left)
        self.tracker.log(done, metrics)

    def _guard(self, step: Step) -> None:
        """Count steps that were left out; too many in a row mean that the run is broken."""
        progress = self.session.progress
        if step.outcome.applied:
            progress.bad_in_row = 0
            return
        progress.bad_in_row += 1
        clips = ", ".join(step.names)
        self.reporter.warn(
            "non_finite_step",
            f"step {progress.step} was left out: its loss or gradient is not finite "
            f"(gradient norm {step.outcome.grad_norm}; clips {clips})",
        )
        limit = MAX_BAD_STEPS if self.session.engine.accelerator.scaler is None else MAX_OVERFLOWS
        if progress.bad_in_row >= limit:
            raise NumericError(
                f"{limit} steps in a row gave a loss or gradient that is not finite, the last one step {progress.step}",
                why=f"the last one trained on {clips}; the parameters are those of the last finite step",
                hint="lower the learning rate, use bf16 instead of fp16, or look at these clips with `inspect`",
            )

    def _after_step(self, *, last: bool) -> None:
        step = self.session.progress.step
        asked = self.desk.take_due("checkpoint")
        interval = self.desk.checkpoint_interval
        if last or asked or (interval is not None and step % interval == 0):
            fault = self._save(last=last)
            for command in asked:
                self.desk.answer(command, "error" if fault else "ok", str(fault) if fault else f"saved step {step}")
        if not self._must_stop():
            self._unless_stopped(self._validate)
        if self.reporter.status.status.phase == "validating":
            self._training()

    def _validate(self) -> None:
        step = self.session.progress.step
        self.validator.measure_if_due(step)
        asked = self.desk.take_due("validate")
        if not asked:
            self.validator.run_if_due(step, self.desk.validation_interval)
            return
        problem: str | None = "given up: the run is stopping"
        try:
            problem = self.validator.run(step)
        finally:
            for command in asked:
                self.desk.answer(command, "error" if problem else "ok", problem or f"validated step {step}")

    def _unless_stopped(self, validation: Callable[[], None]) -> None:
        """Validate, unless the run is to stop meanwhile. What cannot go on after it is saved before it ends."""
        try:
            validation()
        except Interrupted:
            self.reporter.warn("validation_given_up", f"validation at step {self.session.progress.step} was given up")
        except StrandedError:
            if self.session.progress.step > 0:
                self._save()
            raise

    def _heed(self) -> None:
        """Called in the middle of validation: obey commands, and give it up when the run is to stop."""
        self.desk.poll()
        if self._must_stop():
            raise Interrupted

    def _save(self, *, last: bool = True) -> EnvironmentFault | None:
        """Save unless this step just was. A fault is raised when this was the ``last`` chance, else returned."""
        if self.saver.last_step == self.session.progress.step:
            return None
        self.reporter.phase("saving", f"step {self.session.progress.step}")
        fault = None
        if last:
            self.saver.save()
        else:
            fault = self.saver.save_or_warn()
        self._training()
        return fault

    def _training(self) -> None:
        """Back to training: what another phase took at its peak is not the next step's."""
        self.reporter.phase("training")
        forget_peak()

    def _must_stop(self) -> bool:
        return self.signals.received is not None or self.desk.stop is not None

    def _wait_while_paused(self) -> None:
        """Between steps: obey commands, and while paused nothing else."""
        self.desk.poll()
        if not self.desk.paused or self._must_stop():
            return
        self.reporter.phase("paused", HOW_TO_RESUME)
        while self.desk.paused and not self._must_stop():
            time.sleep(PAUSE_SECONDS)
            self.desk.poll()
            if self.desk.due:
                self._after_step(last=False)
                self.reporter.phase("paused", HOW_TO_RESUME)
        self._training()

    def _stopped(self) -> int:
        if self.session.progress.step > 0:
            self._save()
        step = self.session.progress.step
        if self.signals.received is None:
            self.reporter.phase("stopped", f"at step {step} on request; the same command goes on")
            return EXIT_STOPPED
        name = self.signals.received.name
        self.reporter.phase("stopped", f"at step {step} by {name}; the same command goes on")
        return self.signals.exit_code
