"""Stopping on signals: the first one ends the run after the step at hand and a save, the second one at once."""

from __future__ import annotations

import os
import signal
import threading
from types import FrameType, TracebackType
from typing import Any

from schemas.errors import EXIT_SIGINT, EXIT_SIGTERM, EXIT_STOPPED
from trainer.rundir import ControlInbox, RunDirectory

EXIT_CODES = {signal.SIGTERM: EXIT_SIGTERM, signal.SIGINT: EXIT_SIGINT, signal.SIGUSR1: EXIT_STOPPED}


class Interrupted(Exception):  # noqa: N818 - a wish, not an error
    """A stop was asked for in the middle of work that can be given up: loading, encoding, samples.

    Neither a WizardError nor any other error that is taken for a failure of that work.
    """


class StopSignals:
    """While entered, SIGTERM, SIGINT and SIGUSR1 set a flag and SIGHUP is ignored.

    A closed terminal sends SIGHUP: training is meant to outlive it.
    """

    def __init__(self) -> None:
        self._previous: dict[int, Any] = {}
        self._received: signal.Signals | None = None

    @property
    def received(self) -> signal.Signals | None:
        """The signal that asked for the end, if any."""
        return self._received

    @property
    def exit_code(self) -> int:
        """Exit code that belongs to the received signal."""
        assert self._received is not None
        return EXIT_CODES[self._received]

    def __enter__(self) -> StopSignals:
        if threading.current_thread() is threading.main_thread():
            for number in EXIT_CODES:
                self._previous[number] = signal.signal(number, self._on_signal)
            self._previous[signal.SIGHUP] = signal.signal(signal.SIGHUP, signal.SIG_IGN)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for number, handler in self._previous.items():
            signal.signal(number, handler)

    def _on_signal(self, number: int, _frame: FrameType | None) -> None:
        if self._received is not None:
            # Whatever hangs now must not stop us: no clean-up. The newest checkpoint on disk is complete.
            os._exit(EXIT_CODES[signal.Signals(number)])
        self._received = signal.Signals(number)


class Heed:
    """Before training begins: raises Interrupted when a signal has come, or a ``stop`` command since this was made.

    A command that lay there before is for the loop, which obeys it after its first step.
    """

    def __init__(self, signals: StopSignals, run: RunDirectory) -> None:
        self._signals, self._inbox = signals, ControlInbox(run)
        self._before = self._inbox.waiting("stop")

    def __call__(self) -> None:
        if self._signals.received is not None or self._inbox.waiting("stop") - self._before:
            raise Interrupted
