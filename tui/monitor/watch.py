"""Following a run directory: one poll brings a RunView, the status and the log up to date."""

from __future__ import annotations

import os
import threading
import time
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Final

from trainer.rundir.events import EventReader
from trainer.rundir.layout import RunDirectory
from trainer.rundir.runs import derive_state
from trainer.rundir.status import Status, read_status
from tui.monitor.model import RunView
from tui.text import clean_line

CHUNK_SECONDS: Final = 0.05
"""Longest time one poll spends reading events; a longer history comes in several polls."""
AT_ONCE: Final = 200
"""Events taken in at a time; between two such batches the screen can be drawn."""
LOG_BYTES: Final = 64 * 1024
LOG_LINES: Final = 1000


class LogTail:
    """The last lines of a growing text file."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._offset: int | None = None
        self._rest = b""
        self.lines: deque[str] = deque(maxlen=LOG_LINES)

    def poll(self) -> bool:
        """Read what is new, at most 64 KiB of it; True when there was something."""
        try:
            with self._path.open("rb") as file:
                size = file.seek(0, os.SEEK_END)
                if self._offset is None or size < self._offset or size - self._offset > LOG_BYTES:
                    self._offset, self._rest = max(0, size - LOG_BYTES), b""
                file.seek(self._offset)
                data = file.read(LOG_BYTES)
        except OSError:
            return False
        if not data:
            return False
        self._offset += len(data)
        *whole, self._rest = (self._rest + data).split(b"\n")
        self.lines.extend(_last_said(line) for line in whole)
        return bool(whole)


def _last_said(line: bytes) -> str:
    """A progress bar rewrites its line with carriage returns: only what it says last is of use."""
    return clean_line(line.rstrip(b"\r").rpartition(b"\r")[2].decode("utf-8", "replace"))


class RunWatch:
    """What a viewer polls. ``poll`` may run in a thread; hold ``lock`` while reading ``view`` or ``log``."""

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
        self.status: Status | None = None
        self.state = "waiting"
        """One of trainer.rundir.runs.STATES, or ``waiting`` while there is no status."""
        self.behind = False
        """True while there is more history to read than the last poll had time for."""
        self._clock = clock
        self._ended = ended
        self._reader = EventReader(self.run.events_path)
        self._restarts = 0

    def poll(self) -> bool:
        """Bring everything up to date; True when something changed."""
        events = self._reader.poll(max_seconds=CHUNK_SECONDS)
        self.behind = self._reader.behind and bool(events)
        status = read_status(self.run.status_path)
        if self._reader.restarts != self._restarts:
            self._restarts = self._reader.restarts
            with self.lock:
                self.view = RunView(smoothing=self.view.smoothing)
        for start in range(0, len(events), AT_ONCE):
            with self.lock:
                self.view.apply(events[start : start + AT_ONCE])
        with self.lock:
            logged = self.log.poll()
            before, self.status = (self.status, self.state), status
            self.state = self._derive(status)
            return bool(events) or logged or before != (status, self.state)

    def _derive(self, status: Status | None) -> str:
        if status is None:
            return self.view.exit_state or ("waiting" if self._ended() is None else "failed")
        ending = None if self.behind else self.view.exit_state  # an old attempt says nothing about the present one
        return derive_state(status, now=self._clock(), exit_state=ending)
