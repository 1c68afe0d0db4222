"""The file of an index: a sum, a JSON head, and the arrays of the columns as they lie in memory."""

from __future__ import annotations

import hashlib
import json
import os
import struct
import sys
from array import array
from collections import deque
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from schemas.errors import EnvironmentFault
from trainer.rundir.atomic import write_atomic
from trainer.rundir.columns import CAPACITY, LARGEST_STEP, MOST_METRICS, Column, Columns
from trainer.rundir.events import Event, is_event

MAGIC: Final = b"LTX2IDX1"
"""Begins every file; its last character is the version."""
MOST_MARKS: Final = 2000
_HEAD: Final = len(MAGIC) + 32
_PIECE: Final = 4096
_PROBES: Final = 9
_ARRAYS: Final = (("low", "d"), ("high", "d"), ("total", "d"), ("count", "I"), ("bad", "I"))


@dataclass(frozen=True, slots=True)
class Saved:
    """Content of an index file."""

    columns: Columns
    marks: deque[Event]
    time: float
    offset: int
    """Bytes of the log it was made from, up to the end of a line."""


def index_path(events_path: Path) -> Path:
    """Where the index of an event log lies."""
    return events_path.with_suffix(".index")


def write(path: Path, saved: Saved) -> bool:
    """Replace the index of the log at ``path``; False when the folder or the disk does not allow it."""
    proof = _fingerprint(path, saved.offset)
    if proof is None:
        return False
    try:
        write_atomic(index_path(path), _encode(saved, proof), durable=False)
    except EnvironmentFault:  # a folder of someone else's, a full disk: the next reader reads for itself
        return False
    return True


def _encode(saved: Saved, proof: str) -> bytes:
    columns = saved.columns
    told = {
        "offset": saved.offset,
        "proof": proof,
        "byteorder": sys.byteorder,
        "time": saved.time,
        "width": columns.width,
        "last_step": columns.last_step,
        "columns": [
            {"name": name, "bins": len(column), "last": str(column.last), "last_step": column.last_step}
            for name, column in columns.by_name.items()
        ],
        "marks": list(saved.marks),
    }
    head = json.dumps(told).encode()
    arrays = [getattr(column, name).tobytes() for column in columns.by_name.values() for name, _ in _ARRAYS]
    body = b"".join((struct.pack("<I", len(head)), head, *arrays))
    return MAGIC + hashlib.sha256(body).digest() + body


def _fingerprint(path: Path, offset: int) -> str | None:
    """What the first ``offset`` bytes of the log look like: their beginning, their end and places between.

    Neither inode nor times are part of it: a copied run keeps its index.
    """
    digest = hashlib.sha256()
    try:
        with path.open("rb") as file:
            for number in range(_PROBES):
                file.seek(max(0, (offset - _PIECE) * number // (_PROBES - 1)))
                digest.update(file.read(min(_PIECE, offset)))
            if os.fstat(file.fileno()).st_size < offset:
                return None
    except OSError:
        return None
    return digest.hexdigest()


def load(path: Path) -> Saved | None:
    """The saved index of a log, if there is one and it can be trusted."""
    try:
        data = index_path(path).read_bytes()
    except OSError:
        return None
    body = data[_HEAD:]
    if data[:_HEAD] != MAGIC + hashlib.sha256(body).digest():
        return None
    try:
        saved, proof = _decode(body)
    except (KeyError, TypeError, ValueError, OverflowError, RecursionError, struct.error):
        return None  # its own sum is right, so somebody made it so
    return saved if proof == _fingerprint(path, saved.offset) else None


def _decode(body: bytes) -> tuple[Saved, str]:
    """Raises one of many errors for what this module would not have written."""
    place = 4 + struct.unpack_from("<I", body)[0]
    told = json.loads(body[4:place])
    columns = Columns(_whole(told["width"], 1), _whole(told["last_step"], -1))
    if told["byteorder"] != sys.byteorder or len(told["columns"]) > MOST_METRICS:
        raise ValueError("made elsewhere")
    for one in told["columns"]:
        column = Column(last=float(one["last"]), last_step=_whole(one["last_step"], -1))
        bins = _whole(one["bins"], 0)
        for name, kind in _ARRAYS:
            values: array[Any] = array(kind)
            end = place + bins * values.itemsize
            values.frombytes(body[place:end])
            if len(values) != bins or bins > CAPACITY:
                raise ValueError("an array of another length")
            setattr(column, name, values)
            place = end
        columns.by_name[str(one["name"])] = column
    marks = deque((mark for mark in told["marks"] if is_event(mark)), maxlen=MOST_MARKS)
    saved = Saved(columns, marks, float(told["time"]), _whole(told["offset"], 1))
    return saved, str(told["proof"])


def _whole(value: object, least: int) -> int:
    if type(value) is not int or not least <= value < LARGEST_STEP:
        raise ValueError("not a count")
    return value
