"""Stopping on signals: the first one ends the run after the step at hand and a save, the second one at once."""

from __future__ import annotations

import os
import signal
import threading
from types import FrameType, TracebackType
from typing import Any

from schemas.errors import EXIT_SIGINT, EXIT_SIGTERM, EXIT_STOPPED

EXIT_CODES = {signal.SIGTERM: EXIT_SIGTERM, signal.SIGINT: EXIT_SIGINT, signal.SIGUSR1: EXIT_STOPPED}


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
