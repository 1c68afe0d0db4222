"""The monitor: a reader of a run directory that can also leave commands for its trainer."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import ClassVar, Final

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Container, Horizontal
from textual.message import Message
from textual.screen import Screen
from textual.worker import get_current_worker

from schemas.errors import WizardError
from trainer.rundir.control import send
from tui.app.keys import bindings
from tui.app.screens.confirm import ConfirmScreen
from tui.app.widgets.chart import Chart, ChartOptions
from tui.app.widgets.keybar import KeyBar
from tui.app.widgets.lines import LineView
from tui.app.widgets.rows import RowList
from tui.monitor.model import Note
from tui.monitor.strip import metric_names, strip_lines, title_line
from tui.monitor.watch import RunWatch
from tui.text import Line, fit

POLL_SECONDS: Final = 0.4
DRAW_SECONDS: Final = 0.25
"""Shortest time between two pictures while a long history is being read."""
MOST_CHARTS: Final = 6
SMOOTHING: Final = (0.0, 0.6, 0.9, 0.97, 0.99, 0.997)
ACTIVE: Final = frozenset({"running", "paused", "stalled", "waiting"})


class MonitorScreen(Screen[None]):
    """Charts, events, log and controls of one run; sizes from 20 x 5 up."""

    CONTEXTS: ClassVar[tuple[str, ...]] = ("monitor", "list")
    BINDINGS: ClassVar[list[BindingType]] = bindings("monitor")
    DEFAULT_CSS = """
    MonitorScreen {
        #charts { layout: grid; grid-gutter: 0 1; height: 1fr; }
        #panes { height: 6; }
        #panes.full { height: 1fr; }
    }
    """

    class Polled(Message):
        """The watching thread has something new."""

    def __init__(
        self, folder: Path, *, ended: Callable[[], int | None] = lambda: None, until_finished: bool = False
    ) -> None:
        """``ended`` gives the exit code of a trainer that was started here, once it has ended.

        ``until_finished``: leave by itself when the run has finished.
        """
        super().__init__()
        self._until_finished = until_finished
        self.watch_run = RunWatch(folder, ended=ended)
        self._folder = folder
        self._first_chart = 0
        self._pane = "charts"
        self._options = ChartOptions()
        self._smoothing = SMOOTHING.index(0.9)
        self._notice = ""
        self._answers: int | None = None
        """Answers seen so far; None before the first picture, when all of them are old."""
        self._wake = threading.Event()
        self._drawn = threading.Event()
        self._noted: tuple[int, int] = (-1, -1)
        self._logged: tuple[int, str] | None = None

    def compose(self) -> ComposeResult:
        yield LineView([()], id="title")
        yield LineView([()], id="strip")
        with Container(id="charts"):
            for index in range(MOST_CHARTS):
                yield Chart(id=f"chart-{index}")
        with Horizontal(id="panes"):
            yield RowList(id="events", cursor=False)
            yield RowList(id="log", cursor=False)
        yield KeyBar(*self.CONTEXTS)

    def on_mount(self) -> None:
        self._drawn.set()
        self._arrange()
        self.run_worker(self._follow, thread=True, exclusive=True, name="watch")

    def on_unmount(self) -> None:
        self._wake.set()

    def on_resize(self) -> None:
        self._arrange()

    def _follow(self) -> None:
        """Thread: poll, and tell the screen at most once per picture it has drawn."""
        worker = get_current_worker()
        while not worker.is_cancelled:
            changed = self.watch_run.poll()
            if changed and self._drawn.is_set():
                self._drawn.clear()
                self.post_message(self.Polled())
            elif changed:
                time.sleep(0.01)
            if not self.watch_run.behind:
                self._wake.wait(POLL_SECONDS)

    def on_monitor_screen_polled(self) -> None:
        self._draw()
        if self._until_finished and self.watch_run.state == "finished" and not self.watch_run.behind:
            self.action_detach()
        elif self.watch_run.behind:
            self.set_timer(DRAW_SECONDS, self._drawn.set)
        else:
            self._drawn.set()

    # ---------------------------------------------------------------- drawing

    def _draw(self) -> None:
        if not self.is_mounted:
            return
        watch, width = self.watch_run, self.size.width
        with watch.lock:
            view = watch.view
            self._take_answers(list(view.notes))
            self.query_one("#title", LineView).set_lines([title_line(self._folder, watch.state, self._notice, width)])
            strip = strip_lines(view, watch.status, watch.state, time.time(), width)
            self.query_one("#strip", LineView).set_lines(strip[: self._strip_height()])
            self._draw_charts()
            self._draw_events(list(view.notes), view.counter)
            self._draw_log(list(watch.log.lines))

    def _take_answers(self, notes: list[Note]) -> None:
        """The trainer's answer takes the place of the word that a command was sent."""
        answers = [note.text for note in notes if note.kind == "control"]
        if answers and self._answers is not None and len(answers) > self._answers:
            self._notice = answers[-1]
        self._answers = len(answers)

    def _draw_charts(self) -> None:
        view = self.watch_run.view
        names = metric_names(view.series) or ["loss"]
        shown = [chart for chart in self.query(Chart) if chart.display]
        for place, chart in enumerate(shown):
            if place >= len(names):
                chart.update_chart("", None, self._options)
                continue
            name = names[(self._first_chart + place) % len(names)]
            chart.update_chart(name, view.series.get(name), self._options)

    def _draw_events(self, notes: list[Note], counter: int) -> None:
        rows = self.query_one("#events", RowList)
        state = (counter, rows.size.width)
        if not rows.display or state == self._noted:
            return
        at_end = rows.at_end
        if len(notes) != rows.count or self._noted[1] != rows.size.width or (notes and notes[-1] != self._last_note):
            rows.show_lines([_note_line(note, rows.size.width) for note in notes])
            if at_end:
                rows.scroll_to_end()
        self._noted = state
        self._last_note = notes[-1] if notes else None

    def _draw_log(self, lines: list[str]) -> None:
        rows = self.query_one("#log", RowList)
        state = (len(lines), lines[-1] if lines else "")
        if not rows.display or state == self._logged:
            return
        at_end = rows.at_end
        rows.show_lines([((line, "text"),) for line in lines] or [(("nothing printed yet", "dim"),)])
        if at_end:
            rows.scroll_to_end()
        self._logged = state

    _last_note: Note | None = None

    # ---------------------------------------------------------------- layout

    def _strip_height(self) -> int:
        return 3 if self.size.height >= 16 else 2 if self.size.height >= 8 else 1

    def _arrange(self) -> None:
        """Decide what is shown at this size, and draw it."""
        width, height = self.size.width, self.size.height
        wide = width >= 110 and height >= 30
        columns = 3 if wide and width >= 150 else 2 if wide else 1
        count = columns * 2 if wide else 1
        self.query_one("#strip").styles.height = self._strip_height()
        charts, panes = self.query_one("#charts"), self.query_one("#panes")
        charts.styles.grid_size_columns = columns
        charts.display = self._pane == "charts" and width >= 20 and height >= 6
        for index, chart in enumerate(self.query(Chart)):
            chart.display = index < count
        events, log = self.query_one("#events"), self.query_one("#log")
        events.display = self._pane == "events" or (self._pane == "charts" and height >= 20)
        log.display = self._pane == "log" or (self._pane == "charts" and wide)
        panes.display = bool(events.display or log.display)
        panes.set_class(self._pane != "charts", "full")
        panes.styles.height = "1fr" if self._pane != "charts" else max(4, height // 5)
        self.query_one(KeyBar).display = height >= 5
        self._noted, self._logged = (-1, -1), None
        self.call_after_refresh(self._draw)

    # ---------------------------------------------------------------- keys

    def action_detach(self) -> None:
        if len(self.app.screen_stack) > 2:
            self.dismiss(None)
        else:
            self.app.exit(0)

    def action_show(self, pane: str) -> None:
        self._pane = "charts" if pane == self._pane else pane
        self._arrange()
        if self._pane != "charts":
            self.query_one(f"#{self._pane}", RowList).focus()

    def action_next_chart(self, step: int) -> None:
        self._first_chart += step
        self._draw()

    def action_log_scale(self) -> None:
        self._options = ChartOptions(log=not self._options.log, robust=self._options.robust)
        self._draw()

    def action_outliers(self) -> None:
        self._options = ChartOptions(log=self._options.log, robust=not self._options.robust)
        self._draw()

    def action_smooth(self, step: int) -> None:
        self._smoothing = min(len(SMOOTHING) - 1, max(0, self._smoothing + step))
        with self.watch_run.lock:
            self.watch_run.view.set_smoothing(SMOOTHING[self._smoothing])
        self._notice = f"mean over about {round(1 / (1 - SMOOTHING[self._smoothing]))} steps"
        self._draw()

    def action_pause(self) -> None:
        self._command("resume" if self.watch_run.state == "paused" else "pause")

    def action_checkpoint(self) -> None:
        self._command("checkpoint")

    def action_validate(self) -> None:
        self._command("validate")

    def action_stop(self) -> None:
        def answered(yes: bool | None) -> None:
            if yes:
                self._command("stop")

        if self.watch_run.state not in ACTIVE:
            self._tell(f"nothing to stop: the run is {self.watch_run.state}")
            return
        question = "Stop this run?"
        details = ("The trainer finishes its step, saves, and ends.", "`train` continues it later from there.")
        self.app.push_screen(ConfirmScreen(question, *details), answered)

    def _command(self, verb: str) -> None:
        if self.watch_run.state not in ACTIVE:
            self._tell(f"{verb}: nobody is there, the run is {self.watch_run.state}")
            return
        try:
            send(self.watch_run.run, verb)
        except WizardError as error:
            self._tell(error.message)
            return
        self._tell(f"{verb} sent")

    def _tell(self, notice: str) -> None:
        self._notice = notice
        self._draw()


def _note_line(note: Note, width: int) -> Line:
    clock = time.strftime("%H:%M:%S", time.localtime(note.time))
    style = {"checkpoint": "good", "sample": "accent", "warning": "warn"}.get(
        note.kind, "bad" if note.severe else "text"
    )
    return ((f"{clock} ", "dim"), (fit(note.text, max(0, width - 9)), style))
