"""Processes beside the app, such as ``prepare`` and ``demo``: each goes on whatever screen is shown."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from schemas.errors import EnvironmentFault
from tui.recent import default_path
from tui.text import clean_line

TAIL: Final = 64 * 1024
GRACE_SECONDS: Final = 5.0
"""Between the polite signal and the other one."""
_COUNTED: Final = re.compile(r"(.+?) (\d+)/(\d+)")


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a process is."""

    lines: tuple[str, ...]
    """What it has printed last, without control characters."""
    phase: str
    done: int
    total: int
    """Of the phase; 0 while it does not count."""
    code: int | None
    """Its exit code once it has ended."""


@dataclass(slots=True)
class Job:
    """One process that runs or has ended, in a session of its own."""

    title: str
    into: Path
    """Where it writes."""
    log: Path
    process: subprocess.Popen[bytes]
    cancelled: bool = False

    @property
    def running(self) -> bool:
        return self.process.poll() is None

    def progress(self) -> Progress:
        """What it says at the moment; reads the end of its log."""
        code = self.process.poll()  # asked first, so that the lines of an ended process are complete
        lines = _tail(self.log)
        last = lines[-1] if lines else ""
        found = _COUNTED.fullmatch(last)
        if found is None:
            return Progress(lines, last, 0, 0, code)
        return Progress(lines, found.group(1), int(found.group(2)), int(found.group(3)), code)

    def cancel(self) -> None:
        """Ask it to end, and make it end when it does not."""
        if not self.running:
            return
        self.cancelled = True
        _signal(self.process, signal.SIGTERM)
        end = threading.Timer(GRACE_SECONDS, _signal, (self.process, signal.SIGKILL))
        end.daemon = True
        end.start()


_STARTED: Final[list[Job]] = []
"""By this process; they belong to no screen."""


def start_job(title: str, command: Sequence[str], into: Path) -> Job:
    """Start a command; it prints to a log in the state directory. EnvironmentFault when it cannot be started."""
    log = default_path().parent / "logs" / f"{time.strftime('%Y%m%d-%H%M%S')}-{os.getpid()}-{len(_STARTED)}.log"
    try:
        log.parent.mkdir(parents=True, exist_ok=True)
        with log.open("wb") as output:
            process = subprocess.Popen(
                list(command), stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT, start_new_session=True
            )
    except OSError as error:
        raise EnvironmentFault(f"this cannot be started: {error.strerror or error}", where=log) from error
    threading.Thread(target=process.wait, name=f"job-{process.pid}", daemon=True).start()
    job = Job(title, into, log, process)
    _STARTED.append(job)
    return job


def running() -> list[Job]:
    """Jobs of this session that have not ended."""
    return [job for job in _STARTED if job.running]


def _signal(process: subprocess.Popen[bytes], number: signal.Signals) -> None:
    """To the whole session; an ended process is left alone, its number may belong to another one."""
    if process.poll() is None:
        try:
            os.killpg(process.pid, number)
        except ProcessLookupError:
            return


def _tail(log: Path) -> tuple[str, ...]:
    try:
        with log.open("rb") as file:
            file.seek(0, os.SEEK_END)
            file.seek(max(0, file.tell() - TAIL))
            text = file.read().decode("utf-8", errors="replace")
    except OSError:
        return ()
    return tuple(line for raw in text.splitlines() if (line := clean_line(raw).rstrip()))
