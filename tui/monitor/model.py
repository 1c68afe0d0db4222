"""A run as its events tell it: every metric, the phase, what happened, what was made."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from trainer.rundir.columns import LARGEST_STEP, Columns, number
from trainer.rundir.index import metric_record, resumed_step
from trainer.rundir.status import FINAL_PHASES
from tui.charts.raster import Guide
from tui.charts.series import Series
from tui.monitor.gallery import Gallery
from tui.monitor.wording import describe_event
from tui.text import clean_line

Event = Mapping[str, Any]

MOST_NOTES: Final = 500
"""Events kept for the list; the file keeps them all."""
MOST_GUIDES: Final = 2000
LONGEST_TEXT: Final = 2000
LETTERS: Final = {
    "stop": "S",
    "pause": "P",
    "resume": "P",
    "lr": "L",
    "interval": "I",
    "checkpoint": "C",
    "validate": "V",
}
"""What a command is called in a chart."""


@dataclass(frozen=True, slots=True)
class Note:
    """One line of the event list."""

    time: float
    kind: str
    text: str
    severe: bool = False
    id: str = ""
    """Of the command that this answers."""
    step: int | None = None


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

    columns: Columns = field(default_factory=Columns)
    """All metrics. Only ``take`` fills it; a reader that has its own puts it here with ``rest_on``."""
    notes: deque[Note] = field(default_factory=lambda: deque(maxlen=MOST_NOTES))
    guides: deque[Guide] = field(default_factory=lambda: deque(maxlen=MOST_GUIDES))
    """What happened at which step, for the charts."""
    gallery: Gallery = field(default_factory=Gallery)
    intervals: dict[str, int] = field(default_factory=dict)
    """Steps between checkpoints and between validations, where a command has changed them."""
    phase: Phase = field(default_factory=Phase)
    step: int | None = None
    total: int | None = None
    time: float | None = None
    """Unix time of the newest event that is no metric."""
    link: str = ""
    """Where the run is tracked on the web."""
    paused: bool = False
    """Whether the trainer was told to pause, and not yet to go on."""
    exit_state: str | None = None
    exit_code: int | None = None
    exit_message: str = ""
    counter: int = 0
    """Events applied so far; changes exactly when something changed."""
    smoothing: float = 0.9
    _series: dict[str, Series] = field(default_factory=dict)

    @property
    def series(self) -> Mapping[str, Series]:
        """Every metric by name; the same objects from one look to the next."""
        for name in self.columns.by_name:
            if name not in self._series:
                self._series[name] = Series(self.columns, name, self.smoothing)
        return self._series

    def rest_on(self, columns: Columns) -> None:
        """Show the metrics in ``columns``, which somebody else fills."""
        self.columns, self._series = columns, {}

    @property
    def latest(self) -> dict[str, float]:
        """The newest value of every metric that has one."""
        found = {}
        for name, column in self.columns.by_name.items():
            known = len(column) and (column.last == column.last or column.bad[-1])
            if known:  # a column that was cut back does not know its newest value
                found[name] = column.last
        return found

    @property
    def reached(self) -> int:
        """The newest step of the curves; 0 before the first. While a history is being read, ``step`` lies behind it."""
        return max(self.columns.last_step, 0) if self.columns.by_name else self.step or 0

    def take(self, events: Iterable[Event]) -> None:
        """Take over events, metrics included."""
        for event in events:
            record = metric_record(event) if event.get("type") == "metric" else None
            if record is not None:
                self.columns.take([record])
            elif event.get("type") == "run":
                first = resumed_step(event)
                self.columns.cut(0 if first is None else first + 1)
            self.apply([event])

    def apply(self, events: Iterable[Event]) -> None:
        """Take over events but for their metrics' curves. Odd records become a line, never an error."""
        for event in events:
            self.counter += 1
            kind = event.get("type")
            if kind == "metric":  # a long history holds a million of these, and nothing else as often
                step = event.get("step")
                if type(step) is int and 0 <= step < LARGEST_STEP:
                    self.step = step
                continue
            self._happened(str(kind or ""), event)

    def _happened(self, kind: str, event: Event) -> None:
        """Anything but a metric."""
        if isinstance(time := event.get("t"), int | float):
            self.time = float(time)
        if (at := _whole(event.get("at_step"))) is not None:  # an index tells it, because it leaves the metrics out
            self.step = at
        handler = _HANDLERS.get(kind)
        if handler is not None:
            handler(self, event)
        if not (kind == "phase" and self._is_progress_only(event)):
            self._note(kind, event)

    def set_smoothing(self, smoothing: float) -> None:
        """Use another smoothing for all curves."""
        self.smoothing = smoothing
        for series in self._series.values():
            series.smoothing = smoothing

    def _note(self, kind: str, event: Event) -> None:
        text, severe = describe_event(event)
        text = _words(text)
        step = _whole(event.get("step"))
        self.notes.append(
            Note(self.time or 0.0, kind, text, severe, str(event.get("id") or ""), self.step if step is None else step)
        )

    def _is_progress_only(self, event: Event) -> bool:
        """True for a phase event that only counts on in the phase the list already ends with."""
        last = self.notes[-1] if self.notes else None
        return last is not None and last.kind == "phase" and last.text == _words(describe_event(event)[0])

    def _guide(self, letter: str, style: str, step: int | None = None) -> None:
        at = self.step if step is None else step
        guide = Guide(at or 0, letter, style)
        if guide not in list(self.guides)[-8:]:
            self.guides.append(guide)

    def _run(self, event: Event) -> None:
        """A new attempt: what lies behind the step it resumes from belongs to the past."""
        self.exit_state, self.exit_code, self.exit_message, self.paused = None, None, "", False
        self.total = _whole(event.get("total")) or self.total
        first = resumed_step(event)
        kept = 0 if first is None else first
        self.guides = deque((guide for guide in self.guides if guide.step <= kept), MOST_GUIDES)
        self.gallery.cut(kept)
        self.intervals.clear()
        self.step = first
        if first is not None:
            self._guide("R", "strong", first)

    def _phase(self, event: Event) -> None:
        self.phase = Phase(
            _words(event.get("phase")),
            _words(event.get("message")),
            number(event.get("done")),
            number(event.get("total")),
        )

    def _sample(self, event: Event) -> None:
        self.gallery.add(event)
        self._guide("V", "accent", _whole(event.get("step")))

    def _checkpoint(self, event: Event) -> None:
        self._guide("C", "good", _whole(event.get("step")))

    def _warning(self, _event: Event) -> None:
        self._guide("W", "warn")

    def _control(self, event: Event) -> None:
        verb, argument = str(event.get("verb")), event.get("arg")
        if event.get("result") != "ok":
            return
        if verb in {"lr", "interval", "pause", "resume", "stop"}:
            self._guide(LETTERS[verb], "strong")
        if verb in {"pause", "resume", "stop"}:
            self.paused = verb == "pause"
        if verb == "interval" and isinstance(argument, list) and len(argument) == 2 and _whole(argument[1]):
            self.intervals[str(argument[0])] = argument[1]

    def _link(self, event: Event) -> None:
        self.link = _words(event.get("url"))

    def _exit(self, event: Event) -> None:
        state = event.get("state")
        self.exit_state = state if isinstance(state, str) and state in FINAL_PHASES else "failed"
        self.exit_code = _whole(event.get("code"))
        self.exit_message = _words(event.get("message"))


_HANDLERS: Final = {
    "run": RunView._run,
    "phase": RunView._phase,
    "sample": RunView._sample,
    "checkpoint": RunView._checkpoint,
    "warning": RunView._warning,
    "control": RunView._control,
    "link": RunView._link,
    "exit": RunView._exit,
}


def _words(value: object) -> str:
    """A text of somebody else's, fit for a line of a terminal."""
    return clean_line(str(value)[:LONGEST_TEXT]) if value is not None else ""


def _whole(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None
