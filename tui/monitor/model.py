"""A run as its events tell it: series of every metric, the phase, and what happened."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from tui.charts.series import Series
from tui.monitor.wording import describe_event

Event = Mapping[str, Any]

MOST_NOTES: Final = 500
"""Events kept for the list; the file keeps them all."""
QUIET: Final = frozenset({"metric"})
"""Event types that are not worth a line."""


@dataclass(frozen=True, slots=True)
class Note:
    """One line of the event list."""

    time: float
    kind: str
    text: str
    severe: bool = False


@dataclass(slots=True)
class Phase:
    """What the trainer says it is doing."""

    name: str = ""
    message: str = ""
    done: float | None = None
    total: float | None = None


@dataclass(slots=True)
class RunView:
    """Everything a viewer shows, kept up to date by ``apply``."""

    series: dict[str, Series] = field(default_factory=dict)
    latest: dict[str, float] = field(default_factory=dict)
    """The newest value of every metric."""
    notes: deque[Note] = field(default_factory=lambda: deque(maxlen=MOST_NOTES))
    phase: Phase = field(default_factory=Phase)
    step: int | None = None
    total: int | None = None
    time: float | None = None
    """Unix time of the newest event."""
    exit_state: str | None = None
    exit_code: int | None = None
    exit_message: str = ""
    counter: int = 0
    """Events applied so far; changes exactly when something changed."""
    smoothing: float = 0.9

    def apply(self, events: Iterable[Event]) -> None:
        """Take over a batch of events. Records of unknown type or shape become a line, never an error."""
        for event in events:
            self.counter += 1
            kind = str(event.get("type", ""))
            if isinstance(time := event.get("t"), int | float):
                self.time = float(time)
            handler = _HANDLERS.get(kind)
            if handler is not None:
                handler(self, event)
            if kind not in QUIET and not (kind == "phase" and _is_progress_only(event, self.notes)):
                text, severe = describe_event(event)
                self.notes.append(Note(self.time or 0.0, kind, text, severe))

    def set_smoothing(self, smoothing: float) -> None:
        """Use another smoothing for all curves."""
        self.smoothing = smoothing
        for series in self.series.values():
            series.set_smoothing(smoothing)

    def _run(self, event: Event) -> None:
        """A new attempt: what lies behind the step it resumes from belongs to the past."""
        self.exit_state, self.exit_code, self.exit_message = None, None, ""
        self.total = _whole(event.get("total")) or self.total
        resumed = event.get("resumed_from")
        first = _whole(resumed.get("step")) if isinstance(resumed, Mapping) else _whole(resumed)
        for series in self.series.values():
            series.cut(0 if first is None else first + 1)
        self.step = first

    def _phase(self, event: Event) -> None:
        self.phase = Phase(
            str(event.get("phase", "")),
            str(event.get("message") or ""),
            _number(event.get("done")),
            _number(event.get("total")),
        )

    def _metric(self, event: Event) -> None:
        step, metrics = _whole(event.get("step")), event.get("metrics")
        if step is None or step < 0 or not isinstance(metrics, Mapping):
            return
        self.step = step
        for name, raw in metrics.items():
            value = raw if type(raw) is float else _number(raw)
            if value is None:
                continue
            self.latest[name] = value
            series = self.series.get(name)
            if series is None:
                series = self.series[name] = Series(smoothing=self.smoothing)
            series.add(step, value)

    def _exit(self, event: Event) -> None:
        self.exit_state = str(event.get("state", "finished"))
        self.exit_code = _whole(event.get("code"))
        self.exit_message = str(event.get("message") or "")


_HANDLERS: Final = {"run": RunView._run, "phase": RunView._phase, "metric": RunView._metric, "exit": RunView._exit}


def _is_progress_only(event: Event, notes: deque[Note]) -> bool:
    """True for a phase event that only counts on in the phase the list already ends with."""
    text, _ = describe_event(event)
    return bool(notes) and notes[-1].kind == "phase" and notes[-1].text == text


def _number(value: object) -> float | None:
    """A number as the log writes it; NaN and infinities may come as text because JSON has no word for them."""
    if isinstance(value, bool):
        return None
    if isinstance(value, int | float):
        return float(value)
    if isinstance(value, str) and value.lower() in {"nan", "inf", "-inf", "infinity", "-infinity"}:
        return float(value)
    return None


def _whole(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None
