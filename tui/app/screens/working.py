"""A process beside the app: how far it is and what it says. Leaving the screen leaves it running."""

from __future__ import annotations

from typing import ClassVar, Final

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.screen import Screen

from schemas.errors import EXIT_DATA, EXIT_OK
from tui.app.keys import bindings
from tui.app.present import after_refresh
from tui.app.screens.confirm import ConfirmScreen
from tui.app.widgets.keybar import KeyBar
from tui.app.widgets.lines import LineView
from tui.app.widgets.rows import RowList
from tui.jobs import Job, Progress
from tui.text import Line, clean_line, fit

EVERY = 0.5
USE: Final = "use"
"""What the screen is dismissed with to go on with what was made."""


class WorkingScreen(Screen[str]):
    """Reads the log of the process; knows nothing of its own."""

    CONTEXTS: ClassVar[tuple[str, ...]] = ("working", "list")
    AUTO_FOCUS = "#log"
    BINDINGS: ClassVar[list[BindingType]] = bindings("working")
    DEFAULT_CSS = """
    WorkingScreen { #head { height: 3; padding: 0 1; } #log { padding: 0 1; } }
    """

    def __init__(self, job: Job, *, use: bool = False) -> None:
        """With ``use`` it can be dismissed with USE when it has ended well: go on with what was made."""
        super().__init__()
        self.job = job
        self._use = use
        self._shown: Progress | None = None

    def compose(self) -> ComposeResult:
        yield LineView([((f" {clean_line(self.job.title)}", "title"),)], id="title")
        yield LineView([(), (), ()], id="head")
        yield RowList(id="log", cursor=False)
        yield KeyBar("working")

    def on_mount(self) -> None:
        self._follow()
        self.set_interval(EVERY, self._follow)

    def on_resize(self) -> None:
        self._shown = None
        after_refresh(self, self._follow)

    def _follow(self) -> None:
        progress = self.job.progress()
        if progress == self._shown:
            return
        lines_changed = self._shown is None or progress.lines != self._shown.lines
        self._shown = progress
        lines = head_lines(progress, self.job, self.size.width - 2)
        if self._usable():
            lines[-1] = (("n", "key"), (" begins a new configuration that trains on this data", "text"))
        self.query_one("#head", LineView).set_lines(lines)
        ended = ("stop",) if progress.code is not None else ()
        self.query_one(KeyBar).leave_out(*ended, *(() if self._usable() else ("use",)))
        if lines_changed:
            log = self.query_one("#log", RowList)
            log.show_lines([((line, "text"),) for line in progress.lines])
            log.call_after_refresh(log.scroll_to_end)

    def action_stop(self) -> None:
        def answered(yes: bool | None) -> None:
            if yes:
                self.job.cancel()

        if self.job.running:
            kept = "What is done so far is kept and not made again."
            self.app.push_screen(ConfirmScreen("Cancel it?", kept), answered)

    def _usable(self) -> bool:
        return self._use and self._shown is not None and self._shown.code in (EXIT_OK, EXIT_DATA)

    def action_use(self) -> None:
        if self._usable():
            self.dismiss(USE)

    def action_close(self) -> None:
        self.dismiss(None)


def head_lines(progress: Progress, job: Job, width: int) -> list[Line]:
    """How far it is: a bar while it counts, and how it ended."""
    into: Line = (("into ", "dim"), (fit(str(job.into), max(10, width - 5), keep_end=True), "text"))
    if progress.code is not None:
        return [_ended(progress.code, job), into, ()]
    if not progress.total:
        return [((progress.phase or "starting ...", "strong"),), into, ()]
    columns = max(10, min(50, width - 30))
    done = columns * progress.done // progress.total
    bar: Line = (("█" * done, "accent"), ("░" * (columns - done), "dim"))
    return [((f"{progress.phase:<18}", "strong"), *bar, (f" {progress.done}/{progress.total}", "text")), into, ()]


def _ended(code: int, job: Job) -> Line:
    if code == EXIT_OK:
        return (("✔ done", "good"),)
    if job.cancelled:
        return (("cancelled", "warn"), ("; what was done is kept", "dim"))
    if code == EXIT_DATA:
        return (("! done, but something was left out", "warn"), ("; the end of the log says which", "dim"))
    return ((f"✖ failed with exit code {code}", "bad"), ("; the end of the log says why", "dim"))
