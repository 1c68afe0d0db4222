"""Keeps the index of a running log current, so that whoever comes later attaches at once."""

from __future__ import annotations

import threading
from types import TracebackType
from typing import Final, Self

from trainer.rundir.index import EventIndex
from trainer.rundir.layout import RunDirectory

PERIOD_SECONDS: Final = 60.0
LEAST_BYTES: Final = 1 << 18
"""A log this short is read faster than its index is worth."""
_WORK_SECONDS: Final = 0.01
_REST_SECONDS: Final = 0.05
"""A long log without an index (a run that is gone on with) is read in small bites: the trainer comes first."""


class IndexKeeper:
    """A thread of the trainer that reads its own log once a minute, and once more at the end.

    One thread, no lock shared with the loop; what it costs is measured by ``python -m benchmarks terminal``.
    """

    def __init__(self, run: RunDirectory, *, period_s: float = PERIOD_SECONDS, least: int = LEAST_BYTES) -> None:
        self._path = run.events_path
        self._period = period_s
        self._least = least
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._keep, name="event-index", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Write what is new, unless that would take long: then the first viewer does it."""
        self._stop.set()
        self._thread.join(timeout=2.0)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _keep(self) -> None:
        index: EventIndex | None = None
        while not self._stop.wait(self._period if index else min(self._period, 5.0)):
            index = index or EventIndex.open(self._path)
            self._refresh(index)
        index = index or EventIndex.open(self._path)
        index.catch_up(1.0)
        index.save(least=self._least)

    def _refresh(self, index: EventIndex) -> None:
        index.catch_up(_WORK_SECONDS)
        while index.behind and not self._stop.wait(_REST_SECONDS):
            index.catch_up(_WORK_SECONDS)
        index.save(least=self._least)
