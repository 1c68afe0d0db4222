"""Validation beside training: when it runs, and that its failure does not end the run."""

from __future__ import annotations

from collections.abc import Callable

import torch

from schemas.errors import WizardError
from trainer.loop.held_out import HeldOutLoss
from trainer.loop.optimizers import move_optimizer
from trainer.loop.reporter import Reporter
from trainer.loop.tracker import Tracker
from trainer.loop.validated import Validated
from trainer.model.transformer import LtxTransformer
from trainer.validation.room import StrandedError, come_back
from trainer.validation.runner import ValidationRunner

Heed = Callable[[], None]
"""Raises Interrupted when the run is to stop."""


def _go_on() -> None:
    """Nobody can ask for a stop."""


class Validator:
    """Runs the validation of a run; ``runner`` is None when there is nothing to sample.

    ``heed`` may be set: it is asked between the steps of a sample and the clips of a loss, and what it raises ends the
    validation. ``done`` remembers which steps have their samples, so that going on from one does not make them again.
    """

    def __init__(
        self,
        runner: ValidationRunner | None,
        transformer: LtxTransformer,
        optimizer: torch.optim.Optimizer,
        reporter: Reporter,
        tracker: Tracker,
        *,
        offload_optimizer: bool,
        held_out: HeldOutLoss | None = None,
        loss_interval: int | None = None,
        done: Validated | None = None,
    ) -> None:
        self.runner = runner
        self._transformer, self._optimizer = transformer, optimizer
        self._reporter, self._tracker = reporter, tracker
        self._offload = offload_optimizer
        self._held_out, self._loss_interval = held_out, loss_interval
        self._done = done
        self.heed: Heed = _go_on

    def begin(self, step: int, interval: int | None, *, skip: bool) -> None:
        """Before the first step of a run or of its continuation; ``skip`` leaves the samples out.

        So does having made them. A run that is taken up between two multiples of ``interval`` makes none either: it was
        stopped there, and its samples come when they are due.
        """
        self.measure_if_due(step)
        known = self._done is not None and self._done.has(step)
        if not skip and not known:
            self.run_if_due(step, interval)

    def measure_if_due(self, step: int) -> None:
        """Measure the loss on held-out samples at step 0 and at every multiple of its interval."""
        if self._held_out is None or self._loss_interval is None or step % self._loss_interval:
            return
        self._reporter.phase("validating", f"loss at step {step}")
        try:
            metrics = self._held_out.measure(self.heed)
        except (WizardError, RuntimeError, OSError, ValueError) as error:
            self._warn(step, error)
            return
        self._reporter.more_metrics(step, metrics)
        self._tracker.log(step, metrics)

    def run_if_due(self, step: int, interval: int | None) -> None:
        """Make samples at every multiple of ``interval``."""
        if self.runner is not None and interval is not None and step % interval == 0:
            self.run(step)

    def run(self, step: int) -> str | None:
        """Validate now. A failure is told as a warning and returned as text; training goes on either way.

        Raises StrandedError when what had made room does not fit on the device any more, and what ``heed`` raises.
        """
        if self.runner is None:
            return "this run has no validation samples"
        self._reporter.phase("validating", f"step {step}")
        if self._offload:
            move_optimizer(self._optimizer, torch.device("cpu"))
        self._transformer.eval()
        problem: WizardError | RuntimeError | OSError | ValueError | None = None
        try:
            made = self.runner.run(self._transformer, step, self._progress)
            self._tracker.log_samples(step, made)
            if self._done is not None:
                self._done.add(step)
        except StrandedError:
            raise
        except (WizardError, RuntimeError, OSError, ValueError) as error:
            problem = error.with_traceback(None)  # its traceback would keep what filled the memory
        finally:
            self._transformer.train()
            if self._offload:
                device = next(iter(self._transformer.parameters())).device
                come_back(lambda: move_optimizer(self._optimizer, None), device)
        return None if problem is None else self._warn(step, problem)

    def _progress(self, message: str, done: int, total: int) -> None:
        self.heed()
        self._reporter.share("validating", message, done, total)

    def _warn(self, step: int, error: Exception) -> str:
        problem = f"{type(error).__name__}: {error}"
        if torch.cuda.is_available():
            torch.cuda.empty_cache()
        self._reporter.warn("validation_failed", f"validation at step {step} failed, training goes on: {problem}")
        return problem
