"""``events.jsonl``: the history of a run, one JSON object a line, only ever appended to.

Every line has ``v`` (1), ``t`` (unix seconds) and ``type``. JSON knows no NaN and no infinity, so these are written as
the strings "NaN", "Infinity" and "-Infinity" (which ``float()`` and JavaScript's ``Number()`` read as they stand);
EventReader turns them back into floats inside ``metrics``, and leaves strings anywhere else alone.

After a resume steps may repeat: readers keep the last record of a step.
"""

from __future__ import annotations

import contextlib
import json
import logging
import math
import os
import threading
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

import orjson

from trainer.rundir.atomic import disk_fault
from trainer.rundir.status import Clock

VERSION: Final = 1
MAX_LINE_BYTES: Final = 1 << 20
CHUNK_BYTES: Final = 1 << 18
_ANCHOR_BYTES: Final = 64
_NUMBERS: Final = frozenset({int, float})
_SPECIAL: Final = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}

Event = dict[str, Any]
_log = logging.getLogger(__name__)


def encode_event(event: Event) -> bytes:
    """One line with its newline. Raises TypeError for what JSON cannot hold, ValueError for a line that is too long."""
    line = json.dumps(_spell_out(event), allow_nan=False, separators=(",", ":"), ensure_ascii=False)
    data = line.encode("utf-8", errors="replace") + b"\n"
    if len(data) > MAX_LINE_BYTES:
        raise ValueError(f"an event of type {event.get('type')!r} has {len(data)} bytes; at most {MAX_LINE_BYTES}")
    return data


def _spell_out(value: Any) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
    if isinstance(value, dict):
        return {key: _spell_out(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_spell_out(item) for item in value]
    return value


class EventLog:
    """Appends events: one write per line to a file opened for appending, so that a kill leaves at most one half line.

    A half line left by an earlier process is closed off first. A write the disk refuses does not stop training: it is
    logged once, counted in ``lost``, and told as a warning event as soon as writing works again.

    ``observer``, which may be set at any time, is shown every event right after it was written.
    """

    def __init__(self, path: Path, clock: Clock = time.time) -> None:
        self._path = path
        self._clock = clock
        self.observer: Callable[[Event], None] | None = None
        self._lock = threading.Lock()
        self._untold = 0
        self.lost = 0
        try:
            self._descriptor = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o666)
            size = os.fstat(self._descriptor).st_size
            self._torn = size > 0 and os.pread(self._descriptor, 1, size - 1) != b"\n"
        except OSError as error:
            raise disk_fault("cannot open the event log", path, error) from error

    def append(self, kind: str, /, **fields: Any) -> None:
        """Write one event of type ``kind``. It reaches the operating system before this returns."""
        event = {"v": VERSION, "t": self._clock(), "type": kind, **fields}
        data = encode_event(event)
        with self._lock:
            if self._untold and self._put(self._confession()):
                self._untold = 0
            if not self._put(data):
                self.lost += 1
                self._untold += 1
        if self.observer is not None:
            self.observer(event)

    def sync(self) -> None:
        """Make everything written so far survive a power cut."""
        with contextlib.suppress(OSError):
            os.fsync(self._descriptor)

    def close(self) -> None:
        self.sync()
        os.close(self._descriptor)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _confession(self) -> bytes:
        message = f"{self._untold} events could not be written and are missing here"
        return encode_event(
            {"v": VERSION, "t": self._clock(), "type": "warning", "code": "events_lost", "message": message}
        )

    def _put(self, line: bytes) -> bool:
        data = b"\n" + line if self._torn else line
        written = 0
        try:
            written = os.write(self._descriptor, data)
            if written < len(data):  # the disk filled up in the middle; a second try says why
                written += os.write(self._descriptor, data[written:])
        except OSError as error:
            if not self._untold:
                _log.warning("%s", disk_fault("events are being lost", self._path, error))
        if written:
            self._torn = data[written - 1 : written] != b"\n"
        return written == len(data)


class EventReader:
    """Reads what is new in an event log since the last poll, whatever happens to the file.

    Half a last line waits for its end. A file that was truncated, replaced or rewritten is read again from its start
    (``restarts`` counts that, and the caller should forget what it had). Lines that are no events are skipped and
    counted: ``garbage``, ``oversized`` (longer than MAX_LINE_BYTES) and ``other_versions``.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._inode: tuple[int, int] | None = None
        self._buffer = b""
        self._anchor = b""
        self._skipping = False
        self.offset = 0
        """Bytes consumed from the file, a waiting half line included."""
        self.size = 0
        """Size of the file when last looked at."""
        self.restarts = 0
        self.garbage = 0
        self.oversized = 0
        self.other_versions = 0

    def start_at(self, offset: int) -> None:
        """Go on from ``offset``, the beginning of a line; what lies before it is taken as read."""
        self.offset, self._buffer, self._skipping, self._anchor = offset, b"", False, b""

    @property
    def whole_lines(self) -> int:
        """Bytes of complete lines taken in; 0 in the middle of a line that is too long to be kept."""
        return 0 if self._skipping else self.offset - len(self._buffer)

    @property
    def behind(self) -> bool:
        """Whether the file held more than the last poll had time for."""
        return self.offset < self.size

    def poll(self, max_seconds: float = 0.05) -> list[Event]:
        """New events in file order. Takes about ``max_seconds`` at most, and makes progress however little that is.

        A missing or unreadable file has no new events.
        """
        deadline = time.monotonic() + max_seconds
        events: list[Event] = []
        try:
            descriptor = os.open(self._path, os.O_RDONLY | os.O_CLOEXEC)
        except OSError:
            return events
        try:
            self._check_identity(descriptor)
            while data := os.pread(descriptor, CHUNK_BYTES, self.offset):
                self.offset += len(data)
                self._anchor = (self._anchor + data)[-_ANCHOR_BYTES:]
                events += self._take(data)
                if time.monotonic() >= deadline:
                    break
        except OSError as error:  # for example a network file system that lost its server: try again at the next poll
            _log.debug("cannot read %s: %s", self._path, error)
        finally:
            os.close(descriptor)
        self.size = max(self.size, self.offset)
        return events

    def _check_identity(self, descriptor: int) -> None:
        facts = os.fstat(descriptor)
        self.size = facts.st_size
        inode = (facts.st_dev, facts.st_ino)
        replaced = self._inode is not None and inode != self._inode
        rewritten = False
        if not replaced and self.offset <= facts.st_size and self._anchor:
            # A file cut and grown again past our place keeps inode and size plausible; its bytes give it away.
            start = self.offset - len(self._anchor)
            rewritten = os.pread(descriptor, len(self._anchor), start) != self._anchor
        if replaced or rewritten or facts.st_size < self.offset:
            self.offset, self._buffer, self._anchor, self._skipping = 0, b"", b"", False
            self.restarts += 1
        self._inode = inode

    def _take(self, data: bytes) -> list[Event]:
        whole, newline, rest = data.rpartition(b"\n")
        if not newline:
            self._keep(data)
            return []
        if self._skipping:
            whole = whole.partition(b"\n")[2]
            self._skipping = False
        else:
            whole = self._buffer + whole
        self._buffer = b""
        self._keep(rest)
        return self._parse(whole)

    def _keep(self, rest: bytes) -> None:
        if self._skipping:
            return
        self._buffer += rest
        if len(self._buffer) > MAX_LINE_BYTES:
            self._buffer, self._skipping = b"", True
            self.oversized += 1

    def _parse(self, block: bytes) -> list[Event]:
        found = [line for line in block.split(b"\n") if line]
        lines = [line for line in found if len(line) <= MAX_LINE_BYTES]
        self.oversized += len(found) - len(lines)
        special = b'NaN"' in block or b'Infinity"' in block
        try:
            values = list(map(orjson.loads, lines))
        except ValueError:
            values = [_parse_line(line) for line in lines]
        events = [value for value in values if is_event(value)]
        if len(events) < len(values):
            self._count(value for value in values if not is_event(value))
        return [self._restore(event) for event in events] if special else events

    def _count(self, refused: Iterable[Any]) -> None:
        for value in refused:
            if isinstance(value, dict) and isinstance(value.get("type"), str) and value.get("v") != VERSION:
                self.other_versions += 1
            else:
                self.garbage += 1

    @staticmethod
    def _restore(event: Event) -> Event:
        metrics = event.get("metrics")
        if isinstance(metrics, dict):
            for key, value in metrics.items():
                if isinstance(value, str) and value in _SPECIAL:
                    metrics[key] = _SPECIAL[value]
        return event


def _parse_line(line: bytes) -> Any:
    try:
        return orjson.loads(line)
    except ValueError:
        pass
    try:
        return json.loads(line)  # knows a bare NaN, which others write
    except (ValueError, RecursionError):
        return None


def is_event(value: Any) -> bool:
    """Whether something read is an event of this version: an object with ``v``, ``t`` and ``type``."""
    if not isinstance(value, dict) or value.get("v") != VERSION or not isinstance(value.get("type"), str):
        return False
    moment: Any = value.get("t")
    return type(moment) in _NUMBERS and moment - moment == 0  # neither NaN nor infinite


def read_tail(path: Path, max_bytes: int = 1 << 16) -> list[Event]:
    """The events in the last ``max_bytes`` of the log, for a first glance at a long one; empty when there is none."""
    reader = EventReader(path)
    try:
        size = path.stat().st_size
    except OSError:
        return []
    if size > max_bytes:
        reader.start_at(size - max_bytes)
        reader._skipping = True  # the first line is cut somewhere in its middle
    events: list[Event] = reader.poll(max_seconds=1.0)
    return events
