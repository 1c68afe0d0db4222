"""Saving while training: exports and training states, with what a full disk must not do."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from schemas.errors import EnvironmentFault
from trainer.loop.failpoints import failpoint
from trainer.loop.ledger import Ledger, Save
from trainer.loop.session import Session
from trainer.loop.state_files import write_state
from trainer.rundir import EventLog, RunDirectory

if TYPE_CHECKING:
    from schemas import LtxTrainerConfig

MAX_FAILURES = 3
"""Saves that may fail in a row before the run gives up: going on would only burn hours that cannot be kept."""


def export_path(run: RunDirectory, config: LtxTrainerConfig, step: int) -> Path:
    """Where the published weights of a step go."""
    return run.model_export_path(step) if config.model.training_mode == "full" else run.lora_export_path(step)


def average_path(run: RunDirectory, step: int) -> Path:
    """Where the published average of a step goes: a name that no search for weights to start from finds."""
    return run.checkpoints_path / f"lora_ema_weights_step_{step:05d}.safetensors"


class Saver:
    """Writes the saves of one run and keeps the newest of them."""

    def __init__(self, run: RunDirectory, session: Session, events: EventLog) -> None:
        self._run, self._session, self._events = run, session, events
        self._ledger = Ledger(run)
        self._failures = 0
        self.last_step: int | None = None
        """Step of the newest save made by this process."""

    def note_existing(self, state: Path) -> tuple[Path, ...]:
        """The run was resumed from ``state``: if it is one of this run and published, it need not be saved again.

        Returns what was renamed because it lies ahead of that state.
        """
        step = self._session.progress.step
        moved = self._ledger.abandon_after(step) if state.parent == self._run.checkpoints_path else ()
        export = export_path(self._run, self._session.config, step)
        if state.parent == self._run.checkpoints_path and export.is_file():
            # A kill may have come before the list was written.
            average = average_path(self._run, step)
            self._ledger.add(Save(step, export.name, state.name, average.name if average.is_file() else None))
            self.last_step = step
        return moved

    def save(self) -> Path:
        """Save the current step and prune; returns the exported file.

        Raises EnvironmentFault when the disk refuses; older saves are then untouched.
        """
        step = self._session.progress.step
        self._demand_space()
        state_name: str | None = None
        if self._session.config.checkpoints.save_training_state != "off":
            state_name = write_state(self._run, self._session.capture()).name
        failpoint("save.before_export")
        export = export_path(self._run, self._session.config, step)
        self._session.export(export)
        average_name: str | None = None
        if self._session.average is not None:
            average = average_path(self._run, step)
            self._session.export(average, self._session.average.tensors)
            average_name = average.name
        failpoint("save.before_ledger")
        self._ledger.add(Save(step, export.name, state_name, average_name))
        self._ledger.prune(self._session.config.checkpoints.keep_last_n)
        self.last_step = step
        self._failures = 0
        state = None if state_name is None else str(self._run.checkpoints_path / state_name)
        self._events.append("checkpoint", step=step, export=str(export), state=state)
        self._events.sync()
        return export

    def save_or_warn(self) -> EnvironmentFault | None:
        """Save; a refusal of the disk becomes a warning, and the run goes on to try again at the next interval.

        Raises the EnvironmentFault of the third failure in a row. Returns the fault of an earlier one.
        """
        try:
            self.save()
        except EnvironmentFault as fault:
            self._failures += 1
            if self._failures >= MAX_FAILURES:
                raise
            message = f"step {self._session.progress.step} was not saved; training goes on. {fault}"
            self._events.append("warning", code="save_failed", message=message)
            return fault
        return None

    def _demand_space(self) -> None:
        needed = 2 * self._session.save_bytes()
        free = shutil.disk_usage(self._run.checkpoints_path).free
        if free < needed:
            raise EnvironmentFault(
                f"{free / 2**30:.2f} GB are free, a save wants {needed / 2**30:.2f} GB",
                where=self._run.checkpoints_path,
                why="a save is written beside the older ones before any of them goes",
                hint="free some space on this disk, lower checkpoints.keep_last_n or use save_training_state: minimal",
            )
