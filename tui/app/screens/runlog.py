"""The end of a trainer's log, as it grows."""

from __future__ import annotations

import threading
from typing import ClassVar, Final

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.screen import Screen
from textual.worker import get_current_worker

from trainer.rundir.layout import RunDirectory
from tui.app.keys import bindings
from tui.app.present import present
from tui.app.widgets.keybar import KeyBar
from tui.app.widgets.lines import LineView
from tui.app.widgets.logpane import LogPane
from tui.monitor.logtail import LogTail
from tui.text import clean_line

POLL_SECONDS: Final = 0.5
LOCK_SECONDS: Final = 0.05


class RunLogScreen(Screen[None]):
    """trainer.log of one run."""

    CONTEXTS: ClassVar[tuple[str, ...]] = ("runlog", "log", "list")
    AUTO_FOCUS = "#log"
    BINDINGS: ClassVar[list[BindingType]] = bindings("runlog")

    def __init__(self, run: RunDirectory) -> None:
        super().__init__()
        self._path = run.log_path
        self._tail = LogTail(run.log_path)
        self._wake = threading.Event()
        self._lock = threading.Lock()

    def compose(self) -> ComposeResult:
        yield LineView([((f" {clean_line(str(self._path))}", "strong"),)], id="title")
        yield LogPane(id="log")
        yield KeyBar(*self.CONTEXTS)

    def on_mount(self) -> None:
        self.run_worker(self._follow, thread=True, exclusive=True)

    def on_unmount(self) -> None:
        self._wake.set()

    def _follow(self) -> None:
        worker = get_current_worker()
        while not worker.is_cancelled:
            with self._lock:
                changed = self._tail.poll()
            if changed:
                self.call_later(self._draw)
            self._wake.wait(POLL_SECONDS)

    def _draw(self) -> None:
        # A disk that hangs holds the thread, never the screen.
        if present(self) and self._lock.acquire(timeout=LOCK_SECONDS):
            try:
                self.query_one(LogPane).follow(self._tail)
            finally:
                self._lock.release()

    def on_log_pane_said(self, message: LogPane.Said) -> None:
        title = self.query_one("#title", LineView)
        title.set_lines([((f" {clean_line(str(self._path))}", "strong"), (f"  {message.words}", "dim"))])

    def action_leave(self) -> None:
        self.dismiss(None)
