"""Following a run directory: one poll brings a RunView, the status and the log up to date."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from trainer.rundir.columns import Columns
from trainer.rundir.index import EventIndex
from trainer.rundir.layout import RunDirectory
from trainer.rundir.runs import derive_state
from trainer.rundir.status import Status, read_status
from tui.monitor.logtail import LogTail
from tui.monitor.model import RunView
from tui.monitor.plan import Plan

CHUNK_SECONDS: Final = 0.05
"""Longest time one poll spends reading events; a longer history comes in several polls."""
LOCK_SECONDS: Final = 0.2
"""Longest time the screen waits for what a thread is reading."""
STATUS_SECONDS: Final = 0.35
"""Shortest time between two looks at the status while a long history is read."""

ASKED_FOR: Final = frozenset({"validating", "saving"})
"""Phases that a command can bring about during a pause."""


class RunWatch:
    """What a viewer polls. ``poll`` may run in a thread; read ``view`` and ``log`` inside ``looking``."""

    def __init__(
        self,
        folder: Path,
        clock: Callable[[], float] = time.time,
        *,
        ended: Callable[[], int | None] = lambda: None,
    ) -> None:
        self.run = RunDirectory(folder)
        self.lock = threading.Lock()
        self.view = RunView()
        self.log = LogTail(self.run.log_path)
        self.plan = Plan()
        self.status: Status | None = None
        self.state = "waiting"
        """One of trainer.rundir.runs.STATES, or ``waiting`` while there is no status."""
        self.behind = False
        """True while there is more history to read than the last poll had time for."""
        self.read_share = 1.0
        """How much of the history has been read."""
        self.outlined = False
        """True while the curves are drawn from samples of a history that is still being read."""
        self._clock = clock
        self._ended = ended
        self._index: EventIndex | None = None
        self._restarts = 0
        self._planned: tuple[int, int] | None = None
        self._looked = float("-inf")
        self._shown = False
        """Whether there was something to draw already: reading the configuration can wait until then."""

    @contextmanager
    def looking(self) -> Iterator[bool]:
        """Hold the lock to read ``view``; False when it was not to be had, as while a disk hangs."""
        held = self.lock.acquire(timeout=LOCK_SECONDS)
        try:
            yield held
        finally:
            if held:
                self.lock.release()

    def poll(self) -> bool:
        """Bring everything up to date; True when something changed."""
        if self._index is None:
            self._index = self._open()
            if self.outlined:  # something to look at first
                return self._poll_files() or True
        changed = self._poll_events(self._index)
        if not self.behind or time.monotonic() - self._looked >= STATUS_SECONDS:
            self._looked = time.monotonic()
            changed = self._poll_files() or changed
        return changed

    @property
    def checkpoint_interval(self) -> int | None:
        """Steps between two checkpoints, as configured or as changed since."""
        return self.view.intervals.get("checkpoint", self.plan.checkpoint_interval)

    @property
    def trouble(self) -> str:
        """Why the run failed, in the best words there are: the trainer's, or else the end of its log."""
        if self.state != "failed":
            return ""
        told = self.view.exit_message or (self.status.error if self.status is not None else None)
        return told or next((line.text for line in reversed(self.log.lines) if line.text.strip()), "")

    def save_index(self) -> None:
        """Spare the next viewer the reading, if it was much; to be called when the history has been read."""
        if self._index is not None:
            self._index.save()

    def _open(self) -> EventIndex:
        """First look: what an earlier reader left, or an outline of a long history, at once."""
        index = EventIndex.open(self.run.events_path)
        with self.lock:
            self.view.apply(index.marks)
            self._show(index)
            self.behind = index.behind
            self.read_share = index.offset / index.size if index.size else 1.0
        return index

    def _show(self, index: EventIndex) -> None:
        """Rest the view on what is known best at this moment."""
        best: Columns = index.columns if index.outline is None else index.outline
        self.outlined = index.outline is not None
        if self.view.columns is not best:
            self.view.rest_on(best)

    def _poll_events(self, index: EventIndex) -> bool:
        # While an outline is shown, nobody else looks at the index's own columns, and the screen need not wait.
        before = index.offset
        if self.outlined:
            events = index.catch_up(CHUNK_SECONDS)
            self.lock.acquire()
        else:
            self.lock.acquire()
            events = index.poll(CHUNK_SECONDS)
        try:
            if index.restarts != self._restarts:
                self._restarts = index.restarts
                self.view = RunView(smoothing=self.view.smoothing)
            self.view.apply(events)
            self._show(index)
            self.behind = index.behind and index.offset != before
            self.read_share = index.offset / index.size if index.size else 1.0
        finally:
            self.lock.release()
        return index.offset != before

    def _poll_files(self) -> bool:
        status = read_status(self.run.status_path)
        plan = self._read_plan() if self._shown else None
        self._shown = True
        with self.lock:
            logged = self.log.poll()
            before, self.status = (self.status, self.state), status
            self.state = self._derive(status)
            if plan is not None:
                self.plan = plan
            return plan is not None or logged or before != (status, self.state)

    def _read_plan(self) -> Plan | None:
        """The configuration, when it is there and not the one already read."""
        try:
            facts = self.run.config_path.stat()
        except OSError:
            return None
        if (facts.st_ino, facts.st_mtime_ns) == self._planned:
            return None
        self._planned = (facts.st_ino, facts.st_mtime_ns)
        return Plan.read(self.run.config_path)

    def _derive(self, status: Status | None) -> str:
        if status is None:
            return self.view.exit_state or ("waiting" if self._ended() is None else "failed")
        ending = None if self.behind else self.view.exit_state  # an old attempt says nothing about the present one
        state = derive_state(status, now=self._clock(), exit_state=ending)
        # What is asked for during a pause, samples or a save, does not end it.
        return "paused" if state == "running" and self.view.paused and status.phase in ASKED_FOR else state
