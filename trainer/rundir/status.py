"""``status.json``: what a run is doing now, replaced as a whole at every change and at least every five seconds."""

from __future__ import annotations

import json
import logging
import math
import os
import socket
import threading
import time
import uuid
from collections.abc import Callable
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

from schemas.errors import EnvironmentFault
from trainer.rundir.atomic import write_atomic
from trainer.rundir.layout import RunDirectory
from trainer.rundir.process import process_start

Clock = Callable[[], float]
"""Unix seconds."""

VERSION: Final = 1
HEARTBEAT_SECONDS: Final = 5.0
_MAX_BYTES: Final = 1 << 20
WORKING_PHASES: Final = ("loading", "caching", "training", "validating", "saving", "paused")
FINAL_PHASES: Final = ("finished", "stopped", "failed")
PHASES: Final = WORKING_PHASES + FINAL_PHASES

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Status:
    """Content of ``status.json``. Fields may be added, never renamed."""

    run_id: str
    host: str
    pid: int
    pid_start: float | None = None
    """See trainer.rundir.process.process_start; tells a process from a later one with the same number."""
    phase: str = "loading"
    step: int = 0
    """Optimizer steps done."""
    total: int | None = None
    eta_s: float | None = None
    """Seconds left, None while unknown."""
    step_s: float | None = None
    """Recent seconds per optimizer step, None while unknown; decides when silence means a stall."""
    error: str | None = None
    message: str = ""
    changed: float = 0.0
    """Unix time of the last change made by the trainer itself."""
    updated: float = 0.0
    """Unix time of the last write, heartbeats included."""
    v: int = VERSION


def read_status(path: Path) -> Status | None:
    """The status at ``path``; None when it is absent, unreadable or of another version. Unknown fields are ignored."""
    try:
        with path.open("rb") as file:
            data = json.loads(file.read(_MAX_BYTES))
    except (OSError, ValueError, RecursionError):
        return None
    if not isinstance(data, dict) or data.get("v") != VERSION:
        return None
    known = {field.name: data[field.name] for field in fields(Status) if field.name in data}
    if not _well_typed(known):
        return None
    return Status(**known)


def _well_typed(data: dict[str, Any]) -> bool:
    kinds: dict[str, tuple[type, ...]] = {
        "run_id": (str,),
        "host": (str,),
        "pid": (int,),
        "pid_start": (int, float, type(None)),
        "phase": (str,),
        "step": (int,),
        "total": (int, type(None)),
        "eta_s": (int, float, type(None)),
        "step_s": (int, float, type(None)),
        "error": (str, type(None)),
        "message": (str,),
        "changed": (int, float),
        "updated": (int, float),
    }
    if not {"run_id", "host", "pid"} <= data.keys():
        return False
    return all(isinstance(data[name], kind) for name, kind in kinds.items() if name in data)


class StatusWriter:
    """Keeps ``status.json`` current; a daemon thread rewrites it so that silence means something.

    The first write fails loudly (EnvironmentFault). Later ones do not stop a training run for want of a status file:
    the first failure of a row is logged, and ``failures`` counts them all.
    """

    def __init__(
        self,
        run: RunDirectory,
        clock: Clock = time.time,
        *,
        run_id: str | None = None,
        heartbeat_s: float = HEARTBEAT_SECONDS,
    ) -> None:
        self._path = run.status_path
        self._clock = clock
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._failing = False
        self.failures = 0
        self._status = Status(
            run_id=run_id or uuid.uuid4().hex[:12],
            host=socket.gethostname(),
            pid=os.getpid(),
            pid_start=process_start(os.getpid()),
        )
        self._write(changed=True, must=True)
        self._thread = threading.Thread(target=self._beat, args=(heartbeat_s,), name="status-heartbeat", daemon=True)
        self._thread.start()

    @property
    def status(self) -> Status:
        return self._status

    def update(self, **changes: Any) -> Status:
        """Change fields and write at once. TypeError for an unknown field, ValueError for an unknown phase."""
        if changes.get("phase", "loading") not in PHASES:
            raise ValueError(f"unknown phase {changes['phase']!r}; known: {', '.join(PHASES)}")
        for name in ("eta_s", "step_s"):
            value = changes.get(name)
            if value is not None and not math.isfinite(value):
                changes[name] = None
        with self._lock:
            self._status = replace(self._status, **changes)
        self._write(changed=True)
        return self._status

    def close(self) -> None:
        """Stop the heartbeat; what was last written stays."""
        self._stop.set()
        self._thread.join()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _beat(self, seconds: float) -> None:
        while not self._stop.wait(seconds):
            self._write(changed=False)

    def _write(self, *, changed: bool, must: bool = False) -> None:
        with self._lock:
            now = self._clock()
            self._status = replace(self._status, updated=now, changed=now if changed else self._status.changed)
            try:
                # Not synced: it is rewritten within seconds, and a sync at every step would cost a slow disk dearly.
                write_atomic(self._path, json.dumps(asdict(self._status)) + "\n", durable=False)
            except EnvironmentFault as fault:
                if must:
                    raise
                self.failures += 1
                if not self._failing:
                    _log.warning("status.json is not being updated: %s", fault)
                self._failing = True
                return
            self._failing = False
