"""``events.index``: what a viewer needs of a long event log, so that attaching does not mean reading all of it.

Whoever has read much of the log writes it: the trainer's keeper once a minute, a viewer that had to catch up. It is
only ever a saving of time. It counts when the log still begins, continues and ends (up to the offset it was made for)
with the bytes it was made from; then only what came later is read. In every other case it is ignored and made anew.

How a viewer attaches::

    index = EventIndex.open(run.events_path)        # milliseconds: the index, or nothing and an outline
    while index.behind:
        index.catch_up(0.05)                         # a bit at a time, in a thread; 5-8 s for a million steps
    index.save()                                     # the next viewer need not do this again
    events = index.poll()                            # from now on: what is new, as EventReader.poll gives it

``index.columns`` holds every metric in bins, exact up to ``index.offset``; while much is unread ``index.outline`` is
the same from samples all over the file, good for a first picture. ``index.marks`` are the newest events that are no
metrics, in order, each with ``at_step``, the newest step when it was written; a run event among them says where an
attempt began (``resumed_step``), but the columns have that behind them already.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import time
from collections import deque
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, Self

import orjson

from trainer.rundir.columns import LARGEST_STEP, Columns, Record
from trainer.rundir.events import Event, EventReader
from trainer.rundir.index_file import MOST_MARKS, Saved, load, write

LARGEST_MARK: Final = 8192
"""Bytes of text in an event worth keeping here; the log keeps it either way."""
WORTH_SAVING: Final = 4 << 20
"""Bytes that a viewer must have read beyond the index before it writes a new one."""
FAR_BEHIND: Final = 8 << 20
"""Unread bytes from which on an outline is worth its time."""
SAMPLES: Final = 600
_PIECE: Final = 4096
_STATE: Final = re.compile(r"step_(\d{1,15})(?!\d)")


class EventIndex:
    """An event log being read in bulk, with what it came to so far."""

    def __init__(self, path: Path) -> None:
        """Start from nothing; ``open`` uses what was saved."""
        self._path = path
        self._reader = EventReader(path)
        self._restarts = 0
        self._saved_at = 0
        self.columns = Columns()
        self.marks: deque[Event] = deque(maxlen=MOST_MARKS)
        self.outline: Columns | None = None
        """From samples of the whole file; only while much of it is unread."""
        self.time = 0.0
        """Unix seconds of the newest event."""

    @classmethod
    def open(cls, path: Path) -> Self:
        """The saved index if it fits the log, otherwise an empty one; with an outline if much is left to read."""
        index = cls(path)
        saved = load(path)
        if saved is not None:
            index.columns, index.marks, index.time = saved.columns, saved.marks, saved.time
            index._reader.start_at(saved.offset)
            index._saved_at = saved.offset
        with contextlib.suppress(OSError):
            index._reader.size = path.stat().st_size
        if index._reader.size - index.offset > FAR_BEHIND:
            index.outline = outline(path)
            index.columns.expect(index.outline.last_step)
        return index

    @property
    def offset(self) -> int:
        """Bytes of the log taken in."""
        return self._reader.offset

    @property
    def size(self) -> int:
        """Bytes of the log when last looked at."""
        return self._reader.size

    @property
    def behind(self) -> bool:
        """Whether there is more to read than was read so far."""
        return self._reader.behind

    @property
    def restarts(self) -> int:
        """How often the log was cut or replaced; everything held before then is gone."""
        return self._restarts

    @property
    def reader(self) -> EventReader:
        """For its counts of lines that were no events."""
        return self._reader

    def catch_up(self, max_seconds: float = 0.05) -> list[Event]:
        """Take in what is unread for about ``max_seconds``, a block at a time; the marks among it, as in ``marks``."""
        deadline = time.monotonic() + max_seconds
        told: list[Event] = []
        while True:
            before = self.offset
            told += self._advance(0.0)[1]
            if not self.behind or self.offset == before or time.monotonic() >= deadline:
                return told

    def poll(self, max_seconds: float = 0.05) -> list[Event]:
        """Take in what is new for about ``max_seconds``, and return it. For a long way catch_up is cheaper."""
        return self._advance(max_seconds)[0]

    def _advance(self, max_seconds: float) -> tuple[list[Event], list[Event]]:
        """All events that were read, and the marks among them."""
        events = self._reader.poll(max_seconds)
        if self._reader.restarts != self._restarts:
            self._restarts = self._reader.restarts
            self.columns, self.outline, self._saved_at = Columns(), None, 0
            self.marks.clear()
        marks = self._take(events)
        if not self.behind:
            self.outline = None
        return events, marks

    def save(self, *, least: int = WORTH_SAVING) -> bool:
        """Write the index if ``least`` bytes were read since the last one; False when not, or when it cannot be."""
        offset = self._reader.whole_lines
        if offset - self._saved_at < least or offset <= 0:
            return False
        if not write(self._path, Saved(self.columns, self.marks, self.time, offset)):
            return False
        self._saved_at = offset
        return True

    def _take(self, events: list[Event]) -> list[Event]:
        records: list[Record] = []
        marks: list[Event] = []
        for event in events:
            if event["type"] == "metric":
                record = metric_record(event)
                if record is not None:
                    records.append(record)
                continue
            if event["type"] == "run":
                self.columns.take(records)
                records = []
                first = resumed_step(event)
                self.columns.cut(0 if first is None else first + 1)
            if event["type"] != "phase" or event.get("done") is None:
                marks.append({**event, "at_step": records[-1][0] if records else max(0, self.columns.last_step)})
        self.columns.take(records)
        self.marks.extend(mark for mark in marks if _is_short(mark))
        if events:
            self.time = float(events[-1]["t"])
        return marks


def _is_short(event: Event) -> bool:
    try:
        return len(json.dumps(event)) <= LARGEST_MARK
    except (ValueError, RecursionError):
        return False


def metric_record(event: Mapping[str, Any]) -> Record | None:
    """Step and metrics of a metric event; None when it is none."""
    step, metrics = event.get("step"), event.get("metrics")
    if type(step) is not int or not 0 <= step < LARGEST_STEP or not isinstance(metrics, dict):
        return None
    return step, metrics


def resumed_step(event: Mapping[str, Any]) -> int | None:
    """The step that a run event goes on from; None when it begins at the beginning.

    The trainer names the training state's directory; a number is understood too.
    """
    origin = event.get("resumed_from")
    if isinstance(origin, str):
        found = _STATE.findall(origin)
        return int(found[-1]) if found else None
    return origin if type(origin) is int and 0 <= origin < LARGEST_STEP else None


def outline(path: Path) -> Columns:
    """A coarse picture of the whole log from lines at evenly spaced places; some milliseconds, whatever its size."""
    columns = Columns()
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return columns
    try:
        size = os.fstat(descriptor).st_size
        places = (size * number // SAMPLES for number in range(SAMPLES))
        records = [record for place in places if (record := _sample(descriptor, place)) is not None]
    except OSError:
        return columns
    finally:
        os.close(descriptor)
    last = records[-1][0] if records else 0
    while last // columns.width >= SAMPLES // 2:  # so wide that hardly a bin stays empty
        columns.width *= 2
    columns.take(records)
    return columns


def _sample(descriptor: int, place: int) -> Record | None:
    """The first whole metric record behind a place in the file."""
    piece = os.pread(descriptor, _PIECE, place)
    for line in piece.split(b"\n")[1:-1]:
        try:
            event = orjson.loads(line)
        except ValueError:
            continue
        if isinstance(event, dict) and event.get("type") == "metric":
            return metric_record(event)
    return None
