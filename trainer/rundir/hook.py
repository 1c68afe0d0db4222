"""``--on-event``: a program of the user's that is told what happens in a run, without ever holding it up."""

from __future__ import annotations

import contextlib
import os
import queue
import shlex
import signal
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

from schemas.errors import UsageError
from trainer.rundir.events import Event, EventLog, encode_event

TIMEOUT_SECONDS: Final = 30.0
LAST_WORDS_SECONDS: Final = 10.0
"""How long the end of a run waits for the hooks that are still to be told."""
WAITING: Final = 256
"""Events that may wait for a slow hook; further ones are left out, and that is told."""
CODE: Final = "on_event"
"""Of the warnings about the hook itself, which it is not told."""


def parse_hook(command: str) -> list[str]:
    """The program and its arguments, split as a shell would but never run by one. Raises UsageError."""
    try:
        words = shlex.split(command)
    except ValueError as error:
        raise UsageError(f"--on-event {command!r} cannot be split into words: {error}") from error
    if not words:
        raise UsageError("--on-event names no program")
    return words


def worth_telling(event: Event) -> bool:
    """Everything but the metrics of every step, counts of progress, and trouble with the hook."""
    kind = event.get("type")
    if kind == "phase":
        return event.get("done") is None
    return kind != "metric" and not (kind == "warning" and event.get("code") == CODE)


class EventHook:
    """Runs ``command`` once per event, one after another, with the event as a line of JSON on its standard input.

    A hook that cannot be started, fails or takes longer than ``timeout_s`` (it and its children are killed) is told
    through ``warn`` and changes nothing else. The first trouble of a kind is told, not every one.
    """

    def __init__(self, command: str, warn: Callable[[str, str], object], *, timeout_s: float = TIMEOUT_SECONDS) -> None:
        self._words = parse_hook(command)
        self._warn = warn
        self._timeout = timeout_s
        self._told: set[str] = set()
        self._waiting: queue.Queue[Event | None] = queue.Queue(WAITING)
        self._thread = threading.Thread(target=self._work, name="on-event", daemon=True)
        self._thread.start()

    def offer(self, event: Event) -> None:
        """Have the hook told of ``event``; returns at once."""
        if not worth_telling(event):
            return
        try:
            self._waiting.put_nowait(event)
        except queue.Full:
            self._trouble("is too slow: events are left out")

    def close(self, seconds: float = LAST_WORDS_SECONDS) -> None:
        """Wait for what is still to be told, but not for ever."""
        try:
            self._waiting.put(None, timeout=seconds)
        except queue.Full:
            return
        self._thread.join(seconds)

    def _work(self) -> None:
        while (event := self._waiting.get()) is not None:
            trouble = self._run(encode_event(event))
            if trouble:
                self._trouble(trouble)

    def _run(self, line: bytes) -> str:
        try:
            process = subprocess.Popen(
                self._words,
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
            )
        except OSError as error:
            return f"cannot be started: {error.strerror}"
        try:
            process.communicate(line, timeout=self._timeout)
        except subprocess.TimeoutExpired:
            _kill_session(process)
            return f"was killed after {self._timeout:g} s"
        return f"ended with exit code {process.returncode}" if process.returncode else ""

    def _trouble(self, trouble: str) -> None:
        if trouble not in self._told:
            self._told.add(trouble)
            self._warn(CODE, f"the program of --on-event ({self._words[0]}) {trouble}")


@contextmanager
def told_to(command: str, events: EventLog, warn: Callable[[str, str], object]) -> Iterator[None]:
    """While entered, the hook ``command`` is told what is written to ``events``; nobody is, when it is empty."""
    if not command:
        yield
        return
    hook = EventHook(command, warn)
    events.observer = hook.offer
    try:
        yield
    finally:
        events.observer = None
        hook.close()


def _kill_session(process: subprocess.Popen[bytes]) -> None:
    with contextlib.suppress(ProcessLookupError):  # it may have ended at this very moment
        os.killpg(process.pid, signal.SIGKILL)
    if process.stdin is not None:
        with contextlib.suppress(BrokenPipeError):
            process.stdin.close()
    process.wait()
