"""The monitor: a reader of a run directory that can also leave commands for its trainer."""

from __future__ import annotations

import contextvars
import threading
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import ClassVar, Final

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal
from textual.message import Message
from typing_extensions import override

from tui.app.keys import bindings
from tui.app.present import after_refresh, present
from tui.app.screens.findings import FindingsScreen
from tui.app.screens.watching import WatchingScreen
from tui.app.widgets.chartgrid import ChartGrid
from tui.app.widgets.keybar import KeyBar
from tui.app.widgets.lines import LineView
from tui.app.widgets.logpane import LogPane
from tui.app.widgets.rows import RowList
from tui.app.widgets.samplepane import SamplePane
from tui.monitor.layout import Layout
from tui.monitor.model import Note
from tui.monitor.others import MOST
from tui.monitor.strip import strip_lines, title_line, verdict_line, why_empty
from tui.monitor.verdict import Verdict, findings
from tui.monitor.watch import RunWatch
from tui.text import Line, fit

POLL_SECONDS: Final = 0.4
DRAW_SECONDS: Final = 0.25
"""Shortest time between two pictures while a long history is being read."""
LEADING: Final = {"charts": "charts", "events": "list", "log": "log", "samples": "samples"}
"""The pane that has the keys, and the part of the key table that it adds."""


class MonitorScreen(WatchingScreen):
    """Charts, events, log, samples and controls of one run; any size from one cell up."""

    CONTEXTS: ClassVar[tuple[str, ...]] = ("monitor", "charts", "log", "samples", "list")
    BINDINGS: ClassVar[list[BindingType]] = bindings("monitor")
    DEFAULT_CSS = """
    MonitorScreen {
        #panes { height: 6; }
        #panes.full { height: 1fr; }
        #panes > * { margin-right: 1; }
        #verdict { height: 1; }
    }
    """

    class Polled(Message):
        """The watching thread has something new."""

    def __init__(
        self,
        folder: Path,
        *,
        ended: Callable[[], int | None] = lambda: None,
        until_finished: bool = False,
        overlays: Sequence[Path] = (),
    ) -> None:
        """``ended`` gives the exit code of a trainer that was started here, once it has ended.

        ``until_finished``: leave by itself when the run has finished. ``overlays``: runs to compare with at once.
        """
        super().__init__(RunWatch(folder, ended=ended))
        self._until_finished = until_finished
        self._folder = folder
        self._overlays = tuple(overlays)[:MOST]
        self._pane = "charts"
        self._parts = Layout.of(0, 0, "charts")
        self._wake = threading.Event()
        self._left = threading.Event()
        self._drawn = threading.Event()
        self._noted: tuple[object, ...] = ()

    def compose(self) -> ComposeResult:
        yield LineView([()], id="title")
        yield LineView([()], id="strip")
        yield LineView([()], id="verdict")
        yield ChartGrid(id="charts")
        with Horizontal(id="panes"):
            yield RowList(id="events", cursor=False, tail=True, label="events")
            yield LogPane(id="log")
            yield SamplePane(id="samples")
        yield KeyBar("monitor")

    def on_mount(self) -> None:
        self._drawn.set()
        self._arrange()
        self.query_one(f"#{self._pane}").focus()
        # A daemon, and no worker: leaving must not wait for a disk that hangs.
        follow = partial(contextvars.copy_context().run, self._follow)
        threading.Thread(target=follow, name="watch", daemon=True).start()
        smoothing = self.query_one(ChartGrid).smoothing
        for other in self._overlays:
            self.run_worker(partial(self._read_other, other, smoothing), thread=True, group="others")

    def on_unmount(self) -> None:
        self._left.set()
        self._wake.set()

    def on_resize(self) -> None:
        self._arrange()

    def _follow(self) -> None:
        """Thread: poll, and tell the screen at most once per picture it has drawn."""
        saved = dirty = False
        while not self._left.is_set():
            dirty = self.watch_run.poll() or dirty
            if dirty and self._drawn.is_set() and not self._left.is_set():
                self._drawn.clear()
                dirty = False
                self.post_message(self.Polled())
            if self.watch_run.behind:
                time.sleep(0.002)  # lets the screen have the lock
                continue
            if not saved:
                saved = True
                self.watch_run.save_index()
            self._wake.wait(0.05 if dirty else POLL_SECONDS)

    def on_monitor_screen_polled(self) -> None:
        self.draw()
        self.notify_ending()
        if self._until_finished and self.watch_run.state == "finished" and not self.watch_run.behind:
            self.action_detach()
        elif self.watch_run.behind:
            self.set_timer(DRAW_SECONDS, self._drawn.set)
        else:
            self._drawn.set()

    # ---------------------------------------------------------------- drawing

    @override
    def draw(self) -> None:
        if not present(self):
            return
        watch, width = self.watch_run, self.size.width
        with watch.looking() as held:
            if not held:
                return
            view = watch.view
            self.take_answers(view.notes)
            notice = self.notice
            if watch.behind:
                notice = f"reading the history, {100 * watch.read_share:.0f} %"
            self.query_one("#title", LineView).set_lines([title_line(self._folder, watch.state, notice, width)])
            strip = strip_lines(view, watch.status, watch.state, time.time(), width, watch.plan)
            self.query_one("#strip", LineView).set_lines(strip[: self._parts.strip])
            found = self._findings()
            said = verdict_line(found[0], len(found) - 1, view.link, width)
            self.query_one("#verdict", LineView).set_lines([said])
            if self._parts.charts:
                self.query_one(ChartGrid).show(view, why_empty(watch.state, watch.trouble))
            self._draw_panes()

    def _draw_panes(self) -> None:
        view, layout = self.watch_run.view, self._parts
        if layout.events:
            self._draw_events(list(view.notes))
        if layout.log:
            self.query_one(LogPane).follow(self.watch_run.log)
        if layout.samples:
            self.query_one(SamplePane).follow(view.gallery, self.watch_run.plan)

    def _draw_events(self, notes: list[Note]) -> None:
        rows = self.query_one("#events", RowList)
        state = (rows.size.width, len(notes), notes[-1] if notes else None)
        if state == self._noted:
            return
        at_end = rows.at_end
        if notes:
            rows.show(len(notes), lambda index, width, _current: _note_line(notes[index], width))
        else:
            rows.show_lines([(("nothing has happened yet", "dim"),)])
        if at_end:
            rows.scroll_to_end()
        self._noted = state

    # ---------------------------------------------------------------- layout

    def _arrange(self) -> None:
        """Decide what is shown at this size, and draw it."""
        layout = self._parts = Layout.of(self.size.width, self.size.height, self._pane)
        self.query_one("#strip").styles.height = layout.strip
        self.query_one("#verdict").display = layout.verdict
        grid, panes = self.query_one(ChartGrid), self.query_one("#panes")
        grid.display = layout.charts > 0
        grid.fit_charts(layout.charts, layout.columns)
        for name, wanted in (("events", layout.events), ("log", layout.log), ("samples", layout.samples)):
            self.query_one(f"#{name}").display = wanted
        self.query_one(SamplePane).compact = self._pane != "samples"
        panes.display = layout.panes > 0 or self._pane != "charts"
        panes.set_class(self._pane != "charts", "full")
        panes.styles.height = "1fr" if self._pane != "charts" else layout.panes
        self.query_one(KeyBar).display = layout.keys
        self._noted = ()
        self.query_one(LogPane).again()
        after_refresh(self, self.draw)

    # ---------------------------------------------------------------- keys

    def action_detach(self) -> None:
        if len(self.app.screen_stack) > 2:
            self.dismiss(None)
        else:
            self.app.exit(0)

    def action_back(self) -> None:
        pane = self.query_one(f"#{self._pane}")
        if isinstance(pane, ChartGrid | LogPane) and pane.leave():
            return
        if self._pane == "charts":
            self.action_detach()
        else:
            self.action_show("charts")

    def action_show(self, pane: str) -> None:
        self._pane = "charts" if pane == self._pane else pane
        self._arrange()
        self.query_one(KeyBar).lead(*([] if self._pane == "charts" else [LEADING[self._pane]]))
        self.query_one(f"#{self._pane}").focus()

    def action_why(self) -> None:
        with self.watch_run.looking():
            found = self._findings()
        self.app.push_screen(FindingsScreen(found))

    def _findings(self) -> tuple[Verdict, ...]:
        """Whoever calls holds the lock."""
        watch = self.watch_run
        return findings(watch.view, watch.state, warmup=watch.plan.warmup_steps, trouble=watch.trouble)

    def on_chart_grid_changed(self, message: ChartGrid.Changed) -> None:
        grid = self.query_one(ChartGrid)
        with self.watch_run.looking():
            if self.watch_run.view.smoothing != grid.smoothing:
                self.watch_run.view.set_smoothing(grid.smoothing)
        self.notice = message.words
        self.draw()

    def on_log_pane_said(self, message: LogPane.Said) -> None:
        self.tell(message.words)

    def on_sample_pane_said(self, message: SamplePane.Said) -> None:
        self.tell(message.words)


def _note_line(note: Note, width: int) -> Line:
    clock = time.strftime("%H:%M:%S", time.localtime(note.time))
    style = {"checkpoint": "good", "sample": "accent", "warning": "warn", "control": "strong", "phase": "dim"}.get(
        note.kind, "text"
    )
    return ((f"{clock} ", "dim"), (fit(note.text, max(0, width - 9)), "bad" if note.severe else style))
