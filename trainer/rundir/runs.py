"""What runs there are, and what state each is in, told from their directories alone."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final, Generic, TypeVar

from trainer.rundir.events import read_tail
from trainer.rundir.layout import RunDirectory
from trainer.rundir.patience import ask_all
from trainer.rundir.process import same_process
from trainer.rundir.status import FINAL_PHASES, Clock, Status, read_status

T = TypeVar("T")
SILENCE_SECONDS: Final = 60.0
"""Twelve missed heartbeats."""
LOST_HOST_SECONDS: Final = 600.0
"""After so long without a sign from another host its run is taken for dead; its process cannot be asked from here."""
PATIENCE_SECONDS: Final = 5.0
"""How long a folder may take to tell its runs."""
_DEPTH: Final = 3
STATES: Final = ("running", "paused", "finished", "stopped", "failed", "crashed", "stalled")


@dataclass(frozen=True, slots=True)
class RunSummary:
    """One line of ``runs``."""

    dir: Path
    state: str
    """One of STATES."""
    step: int
    total: int | None
    loss: float | None
    """Of the last metric record; None before the first one."""
    updated: float
    """Unix time of the last sign of life."""
    phase: str = ""
    message: str = ""
    """The error of a failed run, else what it was doing."""


@dataclass(frozen=True, slots=True)
class Survey(Generic[T]):
    """What was found below some roots."""

    runs: dict[Path, T]
    """What ``look`` said of each run, by its folder as it was found; each run once, however many roots lead to it."""
    silent: tuple[Path, ...]
    """Roots that did not answer in time; runs below them may be missing."""


def survey(roots: Iterable[Path], look: Callable[[Path], T], *, seconds: float = PATIENCE_SECONDS) -> Survey[T]:
    """Have ``look`` see every run at or below ``roots`` (three levels), in threads: a root may be a dead mount.

    Unreadable folders are passed over.
    """
    questions = {Path(root): partial(_look, Path(root), look) for root in roots}
    answers, silent = ask_all(questions, seconds)
    found: dict[Path, tuple[Path, T]] = {}
    for seen in answers.values():
        for real, folder, said in seen:
            found.setdefault(real, (folder, said))
    return Survey(dict(found.values()), silent)


def _look(root: Path, look: Callable[[Path], T]) -> Iterator[tuple[Path, Path, T]]:
    for folder in _find(root, _DEPTH):
        yield folder.resolve(), folder, look(folder)


def list_runs(roots: Iterable[Path], *, clock: Clock = time.time) -> list[RunSummary]:
    """Runs at or below ``roots``, the most recently alive first; roots that do not answer are left out."""
    found = survey(roots, partial(summarize, clock=clock)).runs.values()
    return sorted(found, key=lambda run: (-run.updated, str(run.dir)))


def is_run(folder: Path) -> bool:
    """Whether ``folder`` looks like a run directory; the log alone is one that is just being started."""
    run = RunDirectory(folder)
    return any(path.is_file() for path in (run.status_path, run.events_path, run.lock_path, run.log_path))


def _find(folder: Path, depth: int) -> Iterator[Path]:
    if is_run(folder):
        yield folder
        return
    if depth == 0:
        return
    try:
        children = sorted(path for path in folder.iterdir() if _is_plain_directory(path))
    except OSError:
        return
    for child in children:
        yield from _find(child, depth - 1)


def _is_plain_directory(path: Path) -> bool:
    return not path.name.startswith(".") and path.is_dir() and not path.is_symlink()


def summarize(folder: Path, *, clock: Clock = time.time) -> RunSummary:
    """State of one run directory; a directory that never got a status file counts by its other files."""
    run = RunDirectory(folder)
    status = read_status(run.status_path)
    events = read_tail(run.events_path)
    metric = next((event for event in reversed(events) if event["type"] == "metric"), None)
    if status is None:
        return _without_status(run, events, metric, clock())
    ending = _exit_event(events, status)
    return RunSummary(
        dir=folder,
        state=derive_state(status, now=clock(), exit_state=ending),
        step=status.step,
        total=status.total,
        loss=_loss(metric),
        updated=status.updated,
        phase=status.phase,
        message=status.error or status.message,
    )


def derive_state(status: Status, *, now: float, exit_state: str | None = None) -> str:
    """One of STATES. ``exit_state`` is that of an exit event, which speaks even if the last status was never written.

    Gone without an exit: crashed. Alive but silent (no heartbeat, or no step for ten steps' time): stalled. On another
    host only silence can be seen.
    """
    final = status.phase if status.phase in FINAL_PHASES else exit_state
    if final in FINAL_PHASES:
        return str(final)
    silence = now - status.updated
    if status.host != socket.gethostname():
        if silence > LOST_HOST_SECONDS:
            return "crashed"
    elif not same_process(status.pid, status.pid_start):
        return "crashed"
    if silence > SILENCE_SECONDS or _without_progress(status, now):
        return "stalled"
    return "paused" if status.phase == "paused" else "running"


def _without_progress(status: Status, now: float) -> bool:
    # Only steps have a known length; loading or a long validation may rightly be quiet while its heart beats.
    if status.phase != "training" or status.step_s is None:
        return False
    return now - status.changed > max(SILENCE_SECONDS, 10 * status.step_s)


def _exit_event(events: list[dict[str, Any]], status: Status) -> str | None:
    """State told by the last exit event, unless a run began after it."""
    for event in reversed(events):
        if event["type"] == "exit":
            state = event.get("state")
            return state if isinstance(state, str) else None
        if event["type"] == "run" or event.get("run_id", status.run_id) != status.run_id:
            return None
    return None


def _loss(metric: dict[str, Any] | None) -> float | None:
    metrics = metric.get("metrics") if metric else None
    loss = metrics.get("loss") if isinstance(metrics, dict) else None
    return float(loss) if isinstance(loss, int | float) and not isinstance(loss, bool) else None


def _without_status(
    run: RunDirectory, events: list[dict[str, Any]], metric: dict[str, Any] | None, now: float
) -> RunSummary:
    updated = 0.0
    for path in (run.events_path, run.lock_path, run.log_path):
        if path.is_file():
            updated = max(updated, path.stat().st_mtime)
    ending = next((event.get("state") for event in reversed(events) if event["type"] == "exit"), None)
    fresh = now - updated <= SILENCE_SECONDS
    state = str(ending) if ending in FINAL_PHASES else "running" if fresh else "crashed"
    step = metric.get("step") if metric else 0
    return RunSummary(
        dir=run.path,
        state=state,
        step=step if isinstance(step, int) else 0,
        total=None,
        loss=_loss(metric),
        updated=updated,
        message="no readable status.json",
    )
