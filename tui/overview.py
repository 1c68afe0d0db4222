"""The runs of this machine side by side: state, curve, size, age and verdict of each, told from its directory."""

from __future__ import annotations

import contextlib
import math
import os
import shutil
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Final

import orjson

from schemas.errors import UsageError
from trainer.rundir.atomic import TEMPORARY_PREFIX, disk_fault
from trainer.rundir.columns import Columns
from trainer.rundir.index import EventIndex
from trainer.rundir.layout import RunDirectory
from trainer.rundir.lock import RunLock
from trainer.rundir.runs import RunSummary, is_run, summarize, survey
from tui.monitor.model import RunView
from tui.monitor.verdict import Verdict, verdict

ALIVE: Final = frozenset({"running", "paused", "stalled"})
PATIENCE_SECONDS: Final = 10.0
READ_SECONDS: Final = 0.4
"""How long one run's history may be read for its line; a longer one shows its outline."""
COUNT_SECONDS: Final = 1.0
POINTS: Final = 24
LEVELS: Final = "▁▂▃▄▅▆▇█"
LEVELS_ASCII: Final = "_.-~=+*#"


@dataclass(frozen=True, slots=True)
class RunRow:
    """What is known of one run."""

    summary: RunSummary
    size: int | None
    """Bytes of everything in its directory; None when counting took too long."""
    began: float | None
    """Unix time of its first event."""
    curve: tuple[float, ...]
    """Means of the loss from the first step to the newest, at most POINTS; NaN where there is none."""
    verdict: Verdict | None
    """None when the history is too long to be read for a line."""

    @property
    def dir(self) -> Path:
        """Its directory."""
        return self.summary.dir

    @property
    def alive(self) -> bool:
        """Whether a trainer works on it, as far as can be seen."""
        return self.summary.state in ALIVE


@dataclass(frozen=True, slots=True)
class Overview:
    """All runs that could be found, the most recently alive first."""

    rows: tuple[RunRow, ...]
    silent: tuple[Path, ...]
    """Roots that did not answer."""


def overview(
    roots: Iterable[Path], *, seconds: float | None = None, clock: Callable[[], float] = time.time
) -> Overview:
    """Every run at or below ``roots``; takes ``seconds`` (PATIENCE_SECONDS) at most, whatever a root does."""
    patience = PATIENCE_SECONDS if seconds is None else seconds
    found = survey(roots, partial(run_row, clock=clock), seconds=patience)
    rows = sorted(found.runs.values(), key=lambda row: (-row.summary.updated, str(row.dir)))
    return Overview(tuple(rows), found.silent)


def run_row(folder: Path, *, clock: Callable[[], float] = time.time) -> RunRow:
    """One run, looked at for about a second at most."""
    summary = summarize(folder, clock=clock)
    index = EventIndex.open(RunDirectory(folder).events_path)
    if index.behind:
        index.catch_up(READ_SECONDS)
        index.save()
    said: Verdict | None = None
    if not index.behind:
        view = RunView()
        view.apply(index.marks)
        view.rest_on(index.columns)
        said = verdict(view, summary.state)
    columns = index.columns if index.outline is None else index.outline
    return RunRow(summary, folder_size(folder), _first_time(folder), curve(columns), said)


def curve(columns: Columns, name: str = "loss", points: int = POINTS) -> tuple[float, ...]:
    """Means of a metric over equal stretches of the run."""
    column = columns.by_name.get(name)
    if column is None or not len(column):
        return ()
    count = min(points, len(column))
    edges = [len(column) * place // count for place in range(count + 1)]
    means = []
    for first, last in pairwise(edges):
        values = sum(column.count[first:last])
        means.append(sum(column.total[first:last]) / values if values else math.nan)
    return tuple(means)


def sparkline(values: Sequence[float], *, ascii_only: bool = False) -> str:
    """A curve as one character a value, from its lowest to its highest; a blank where there is none."""
    levels = LEVELS_ASCII if ascii_only else LEVELS
    finite = [value for value in values if math.isfinite(value)]
    if not finite:
        return ""
    low, high = min(finite), max(finite)
    span = high / 2 - low / 2  # halves: the difference of two finite numbers need not be one
    most = len(levels) - 1
    places = (round(most * (value / 2 - low / 2) / span) if span else 0 for value in finite)
    return "".join(levels[next(places)] if math.isfinite(value) else " " for value in values)


def file_size(count: int | None) -> str:
    """Bytes for a person; a dash when they are not known."""
    if count is None:
        return "-"
    size, units = float(count), ["B", "kB", "MB", "GB", "TB"]
    while size >= 1000 and len(units) > 1:
        size /= 1024
        units.pop(0)
    return f"{size:.0f} {units[0]}" if units[0] == "B" or size >= 10 else f"{size:.1f} {units[0]}"


def folder_size(folder: Path, seconds: float = COUNT_SECONDS) -> int | None:
    """Bytes of the files below ``folder``; None when there are too many to count in that time."""
    deadline = time.monotonic() + seconds
    total = 0
    for place, _, names in os.walk(folder):
        for name in names:
            with contextlib.suppress(OSError):
                total += Path(place, name).lstat().st_size
        if time.monotonic() > deadline:
            return None
    return total


def _first_time(folder: Path) -> float | None:
    try:
        with RunDirectory(folder).events_path.open("rb") as file:
            first = orjson.loads(file.readline(1 << 16))
    except (OSError, ValueError):
        return None
    moment = first.get("t") if isinstance(first, dict) else None
    return float(moment) if isinstance(moment, int | float) and math.isfinite(moment) else None


def demand_deletable(folder: Path) -> None:
    """Raises UsageError unless ``folder`` is a run that nobody works on, EnvironmentFault when that cannot be seen."""
    if folder.is_symlink() or not is_run(folder):
        raise UsageError(f"{folder} is not a run directory", hint="only runs are deleted here")
    state = summarize(folder).state
    if state in ALIVE:
        raise UsageError(
            f"{folder} is {state}: a living run is never deleted",
            hint=f"stop it first: `ltx2-wizard send {folder} stop`",
        )


def delete_run(folder: Path) -> None:
    """Delete a run that has ended. Its lock is taken first; it is moved aside as a whole, then removed.

    What cannot be removed stays beside it under a name that starts with a dot, and is named by the EnvironmentFault
    that is raised.
    """
    demand_deletable(folder)
    with _locked(folder):
        aside = folder.with_name(f"{TEMPORARY_PREFIX}deleted-{folder.name}-{os.getpid()}-{time.time_ns()}")
        try:
            folder.rename(aside)
        except OSError as error:
            raise disk_fault("the run cannot be deleted", folder, error) from error
    try:
        shutil.rmtree(aside)
    except OSError as error:
        raise disk_fault("the run is moved aside but not all of it could be removed", aside, error) from error


@contextlib.contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Nobody may start a trainer there between the look and the move. Raises LockedError when somebody just did."""
    lock = RunLock(RunDirectory(folder))
    lock.acquire()
    try:
        yield
    finally:
        lock.release()
