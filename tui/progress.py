"""Plain progress: what a trainer reports, as lines for a pipe, a log file or a terminal without a monitor."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final, TypeGuard

from tui.charts.ticks import short
from tui.monitor.wording import describe_event, duration, gibibytes, seconds_short
from tui.text import clean_line

QUIET_SECONDS: Final = 2.0
"""Shortest time between two lines that only say how far things are."""


class ProgressLines:
    """Turns events into lines. News is told at once; steps and percentages at most every two seconds."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._last_counted = float("-inf")
        self._last_news = ""
        self._total: int | None = None
        self._average: float | None = None

    def lines(self, events: list[dict[str, Any]], *, eta_s: float | None = None) -> Iterator[str]:
        """Lines for a batch of events; ``eta_s`` is the trainer's own estimate of the seconds left."""
        for event in events:
            line = self._line(event, eta_s)
            if line is not None:
                yield clean_line(line)  # what the trainer was told comes from anywhere, and this goes to a terminal

    def _line(self, event: Mapping[str, Any], eta_s: float | None) -> str | None:
        kind = event.get("type")
        if kind == "metric":
            return self._metric(event, eta_s)
        if kind == "run" and isinstance(event.get("total"), int):
            self._total = event["total"]
        news, _ = describe_event(event)
        if kind == "phase":
            return self._phase(event, news)
        return news

    def _phase(self, event: Mapping[str, Any], news: str) -> str | None:
        done, total = event.get("done"), event.get("total")
        share = done / total if _is_number(done) and _is_number(total) and total else None
        if news == self._last_news and (share is None or not self._due()):
            return None
        self._last_news = news
        return news if share is None else f"{news} ({100 * share:.0f} %)"

    def _metric(self, event: Mapping[str, Any], eta_s: float | None) -> str | None:
        metrics = event.get("metrics")
        step = event.get("step")
        if not isinstance(metrics, Mapping) or not isinstance(step, int):
            return None
        loss = metrics.get("loss")
        if isinstance(loss, int | float) and loss == loss and abs(loss) != float("inf"):
            self._average = loss if self._average is None else 0.95 * self._average + 0.05 * loss
        if step != self._total and not self._due():
            return None
        return "  ".join(
            [f"step {step}/{self._total}" if self._total else f"step {step}", *self._facts(metrics, eta_s)]
        )

    def _facts(self, metrics: Mapping[str, Any], eta_s: float | None) -> Iterator[str]:
        if _is_number(metrics.get("loss")):
            average = f" (mean {short(self._average)})" if self._average is not None else ""
            yield f"loss {short(metrics['loss'])}{average}"
        if _is_number(metrics.get("lr")):
            yield f"lr {short(metrics['lr'])}"
        if _is_number(metrics.get("grad_norm")):
            yield f"grad {short(metrics['grad_norm'])}"
        if _is_number(metrics.get("step_seconds")):
            yield f"{seconds_short(metrics['step_seconds'])}/step"
        if _is_number(metrics.get("memory_peak")) and metrics["memory_peak"] > 0:
            yield f"peak {gibibytes(metrics['memory_peak'])}"
        if eta_s is not None:
            yield f"{duration(eta_s)} left"

    def _due(self) -> bool:
        now = self._clock()
        if now - self._last_counted < QUIET_SECONDS:
            return False
        self._last_counted = now
        return True


def _is_number(value: object) -> TypeGuard[int | float]:
    return isinstance(value, int | float) and not isinstance(value, bool)
