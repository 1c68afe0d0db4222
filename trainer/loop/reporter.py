"""Telling the outside what happens: events, status file, log lines."""

from __future__ import annotations

import os
import re
import sys
import time
from collections.abc import Callable

from trainer.rundir import EventLog, StatusWriter

LINE_SECONDS = 1.0
"""At least so long between two progress lines in the log."""

COUNTED = re.compile(r"\s*\b(\d{1,9}) of (\d{1,9})\b")


def keep_going() -> None:
    """Nothing asks for a stop."""


class Reporter:
    """One voice for the whole run.

    ``heed`` is asked whenever a share of work is told, and may raise to end that work.
    """

    def __init__(self, events: EventLog, status: StatusWriter, clock: Callable[[], float] = time.monotonic) -> None:
        self.events, self.status = events, status
        self._clock = clock
        self.heed: Callable[[], None] = keep_going
        self._last_line = -LINE_SECONDS
        self._last_share = -1.0
        self._shared = ""
        self._last_metrics: tuple[int, dict[str, float]] = (-1, {})
        self._mute = False

    def phase(self, phase: str, message: str = "") -> None:
        """Enter a phase."""
        self.status.update(phase=phase, message=message)
        self.events.append("phase", phase=phase, message=message)
        self.line(f"{phase}: {message}" if message else phase)

    def share(self, phase: str, message: str, done: int, total: int) -> None:
        """How much of a phase is done; told at most once a second, and at its beginning and end."""
        self.heed()
        now = self._clock()
        if done < total and message == self._shared and now - self._last_share < LINE_SECONDS:
            return
        self._last_share, self._shared = now, message
        self.status.update(phase=phase, message=f"{message} {done}/{total}")
        self.events.append("phase", phase=phase, message=message, done=done, total=total)

    def warn(self, code: str, message: str) -> None:
        """Something the user should know; the run goes on."""
        self.events.append("warning", code=code, message=message)
        self.line(f"warning: {message}")

    def link(self, name: str, url: str) -> None:
        """Where else this run can be watched."""
        self.events.append("link", name=name, url=url)
        self.line(f"{name}: {url}")

    def told(self, phase: str, message: str) -> None:
        """What part of a phase is worked on; a message with ``3 of 8`` in it tells its share by that."""
        counted = COUNTED.search(message)
        if counted is None:
            self.heed()
            self.phase(phase, message)
        else:
            words = message[: counted.start()] + message[counted.end() :]
            self.share(phase, words, int(counted[1]) - 1, int(counted[2]))

    def metrics(self, step: int, total: int, metrics: dict[str, float], seconds_left: float | None) -> None:
        """The record of an optimizer step."""
        self._last_metrics = (step, metrics)
        self.events.append("metric", step=step, metrics=metrics)
        self.status.update(step=step, eta_s=seconds_left, step_s=metrics["step_seconds"])
        now = self._clock()
        if step == total or now - self._last_line >= LINE_SECONDS:
            self._last_line = now
            left = "" if seconds_left is None else f"  left {_duration(seconds_left)}"
            self.line(
                f"step {step}/{total}  loss {metrics['loss']:.4f}  lr {metrics['lr']:.3g}"
                f"  {metrics['step_seconds']:.2f} s/step{left}"
            )

    def more_metrics(self, step: int, metrics: dict[str, float]) -> None:
        """What was measured after the record of a step: the record again, with this in it.

        Readers keep the last record of a step, so it holds everything.
        """
        known_step, known = self._last_metrics
        self.events.append("metric", step=step, metrics={**known, **metrics} if known_step == step else metrics)
        told = "  ".join(f"{name} {value:.4f}" for name, value in metrics.items() if "sigma" not in name)
        self.line(f"step {step}  {told}")

    def line(self, text: str) -> None:
        """One line of the log. When its reader is gone (a closed terminal or pipe), the run goes on without one."""
        if self._mute:
            return
        try:
            sys.stdout.write(text + "\n")
            sys.stdout.flush()
        except OSError:
            self._mute = True
            # What is still in the buffer must not fail again at exit.
            sys.stdout = open(os.devnull, "w")  # noqa: SIM115, PTH123 - for the rest of the process
            self.events.append("warning", code="output_lost", message="nobody reads the log any more; the run goes on")


def _duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}"
