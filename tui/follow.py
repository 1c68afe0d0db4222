"""Following a trainer from the command that started it: progress lines, Ctrl-C, signals, and its exit code."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any, Final

import click

from schemas.errors import EXIT_OK
from trainer.rundir.control import send
from trainer.rundir.events import EventReader
from trainer.rundir.layout import RunDirectory
from trainer.rundir.process import same_process
from trainer.rundir.status import FINAL_PHASES, read_status
from tui.launch import Trainer
from tui.notify import Notifier
from tui.progress import ProgressLines
from tui.text import clean_line

POLL_SECONDS: Final = 0.4
FORWARDED: Final = (signal.SIGTERM, signal.SIGUSR1)
"""Signals that a scheduler or a container sends to us and means for the trainer."""
LOG_LINES: Final = 20
QUESTION: Final = "Detach and leave it running (d), save and stop (s), or go on watching (c)? [d] "
ANSWERS: Final = ("d", "s", "c")


class Follower:
    """Prints what the trainer reports until it ends or the user leaves.

    Make it before the trainer starts: events that are already there belong to earlier runs.
    """

    def __init__(self, run: RunDirectory) -> None:
        self._run = run
        self._reader = EventReader(run.events_path)
        while self._reader.poll(max_seconds=1.0):
            pass
        self._lines = ProgressLines()
        self._exit_code: int | None = None
        self._stopping = False

    def follow(self, process: Trainer) -> int:
        """Wait for the trainer and return its exit code; 0 when the user detaches."""
        with _forwarding(lambda number: self._signal(process, number)):
            while True:
                try:
                    self._wait(process)
                    return self._ended(process)
                except KeyboardInterrupt:
                    if self._wants_to_leave(process):
                        return EXIT_OK

    def _wait(self, process: Trainer) -> None:
        while process.poll() is None:
            self._print_new()
            try:
                process.wait(POLL_SECONDS)
            except subprocess.TimeoutExpired:
                continue

    def _ended(self, process: Trainer) -> int:
        while self._print_new():
            pass
        code = process.poll() or 0
        self._notify()
        if self._exit_code is not None:
            return self._exit_code
        click.echo(
            f"the trainer ended without saying why ({_in_words(code)}); the end of {self._run.log_path}:", err=True
        )
        for line in log_tail(self._run, LOG_LINES):
            click.echo(f"  {line}", err=True)
        return code if code >= 0 else 128 - code

    def _print_new(self) -> bool:
        events: list[dict[str, Any]] = self._reader.poll(max_seconds=0.2)
        status = read_status(self._run.status_path) if events else None
        for line in self._lines.lines(events, eta_s=status.eta_s if status else None):
            click.echo(line)
        for event in events:
            if event["type"] == "exit" and isinstance(event.get("code"), int):
                self._exit_code = event["code"]
            elif event["type"] == "run":
                self._exit_code = None
        sys.stdout.flush()
        return bool(events)

    def _notify(self) -> None:
        """Ring where somebody may have turned to something else."""
        if sys.stderr.isatty():
            status = read_status(self._run.status_path)
            notifier = Notifier(self._run.path.name)
            notifier.see("running")
            state = status.phase if status is not None and status.phase in FINAL_PHASES else "crashed"
            sys.stderr.write(notifier.see(state, (status.error if status else None) or ""))
            sys.stderr.flush()

    def _wants_to_leave(self, process: Trainer) -> bool:
        """Ctrl-C: ask once whether to leave the trainer alone or to stop it. A second Ctrl-C stops it."""
        click.echo(err=True)
        if self._stopping:
            click.echo(f"Left while it is stopping. {how_to_watch(self._run)}", err=True)
            return True
        answer = _ask() if sys.stdin.isatty() else "stop now"
        if answer == "d":
            click.echo(f"The trainer goes on. {how_to_watch(self._run)}", err=True)
            return True
        if answer == "c":
            return False
        if answer == "s":
            send(self._run, "stop")
        else:
            self._signal(process, signal.SIGINT)
        self._stopping = True
        click.echo("Stopping after this step and a save; Ctrl-C again leaves without waiting.", err=True)
        return False

    def _signal(self, process: Trainer, number: int) -> None:
        with contextlib.suppress(ProcessLookupError):  # it may have ended at this very moment
            os.kill(self._trainer_pid(process), number)

    def _trainer_pid(self, process: Trainer) -> int:
        """The trainer itself when its status is known, else whatever started it."""
        status = read_status(self._run.status_path)
        if status is None or status.phase in FINAL_PHASES or status.host != socket.gethostname():
            return process.pid
        return status.pid if same_process(status.pid, status.pid_start) else process.pid


def _ask() -> str:
    """The answer to Ctrl-C: d, s or c; "stop now" for a second Ctrl-C. A terminal that is gone leaves it running."""
    try:
        while True:
            click.echo(QUESTION, err=True, nl=False)
            line = sys.stdin.readline()
            answer = line.strip().lower()[:1] or "d"
            if answer in ANSWERS or not line:
                return answer if line else "d"
    except KeyboardInterrupt:
        click.echo(err=True)
        return "stop now"


def how_to_watch(run: RunDirectory) -> str:
    """One sentence that says how to come back to a run."""
    return f"Watch it with `ltx2-wizard monitor {run.path}`, stop it with `ltx2-wizard send {run.path} stop`."


def log_tail(run: RunDirectory, lines: int) -> list[str]:
    """The last lines of trainer.log, without control characters."""
    try:
        with run.log_path.open("rb") as file:
            file.seek(0, os.SEEK_END)
            file.seek(max(0, file.tell() - 64 * 1024))
            text = file.read().decode("utf-8", errors="replace")
    except OSError:
        return []
    return [clean_line(line) for line in deque(text.splitlines(), maxlen=lines)]


@contextmanager
def _forwarding(deliver: Callable[[int], None]) -> Iterator[None]:
    def handler(number: int, _frame: FrameType | None) -> None:
        deliver(number)

    before = {number: signal.signal(number, handler) for number in FORWARDED}
    try:
        yield
    finally:
        for number, previous in before.items():
            signal.signal(number, previous)


def _in_words(code: int) -> str:
    if code >= 0:
        return f"exit code {code}"
    return f"killed by {signal.Signals(-code).name}"
