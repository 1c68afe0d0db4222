"""What the trainer prints: the newest lines, their levels, and looking for words in them."""

from __future__ import annotations

import os
import re
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tui.text import clean_line

LOG_BYTES: Final = 512 * 1024
LOG_LINES: Final = 5000
LONGEST_LINE: Final = 4000
LEVELS: Final = ("all", "warnings", "errors")
_ERROR: Final = re.compile(
    r"^\s*(error\b|critical\b|fatal\b|traceback \(|[\w.]*(error|exception|interrupt|fault)\b:)|\b(error|critical)\b:",
    re.I,
)
_WARNING: Final = re.compile(r"^\s*warn|warning\b", re.I)
_PROGRESS: Final = re.compile(r"^step \d+/\d+ ")


@dataclass(frozen=True, slots=True)
class LogLine:
    """One printed line."""

    text: str
    level: int = 0
    """Index into LEVELS."""


class LogTail:
    """The last lines of a growing text file."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._offset: int | None = None
        self._inode: tuple[int, int] | None = None
        self._rest = b""
        self._in_traceback = False
        self.lines: deque[LogLine] = deque(maxlen=LOG_LINES)
        self.counter = 0
        """Lines read so far."""

    def poll(self) -> bool:
        """Read what is new, at most 512 KiB of it; True when there was something."""
        try:
            with self._path.open("rb") as file:
                facts = os.fstat(file.fileno())
                size, inode = facts.st_size, (facts.st_dev, facts.st_ino)
                if self._inode is not None and inode != self._inode:
                    self._offset, self._rest = 0, b""
                if self._offset is None or size < self._offset or size - self._offset > LOG_BYTES:
                    self._offset, self._rest = max(0, size - LOG_BYTES), b""
                self._inode = inode
                file.seek(self._offset)
                data = file.read(LOG_BYTES)
        except OSError:
            return False
        if not data:
            return False
        self._offset += len(data)
        *whole, self._rest = (self._rest + data).split(b"\n")
        self._rest = self._rest[-LONGEST_LINE * 4 :]
        self.lines.extend(self._line(line) for line in whole)
        self.counter += len(whole)
        return bool(whole)

    def _line(self, raw: bytes) -> LogLine:
        text = _last_said(raw)
        if text.startswith("Traceback ("):
            self._in_traceback = True
        elif self._in_traceback and not text.startswith((" ", "\t")) and text:
            self._in_traceback = False
            return LogLine(text, 2)
        return LogLine(text, 2 if self._in_traceback else level_of(text))


def level_of(text: str) -> int:
    """0 for what is told, 1 for a warning, 2 for an error."""
    if _PROGRESS.match(text):
        return 0
    return 2 if _ERROR.search(text) else 1 if _WARNING.search(text) else 0


def matching(lines: Iterable[LogLine], level: int) -> list[LogLine]:
    """The lines of at least a level."""
    return [line for line in lines if line.level >= level]


def found_at(lines: Iterable[LogLine], needle: str) -> list[int]:
    """Indexes of the lines that hold ``needle``; capital letters count only when it has some itself."""
    if not needle:
        return []
    if needle != needle.lower():
        return [index for index, line in enumerate(lines) if needle in line.text]
    return [index for index, line in enumerate(lines) if needle in line.text.lower()]


def _last_said(line: bytes) -> str:
    """A progress bar rewrites its line with carriage returns: only what it says last is of use."""
    shown = line[-LONGEST_LINE * 4 :].rstrip(b"\r").rpartition(b"\r")[2].decode("utf-8", "replace")
    return clean_line(shown)[:LONGEST_LINE]
