"""Home: what was used lately, and where to start."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.screen import Screen

from schemas.errors import WizardError
from trainer.rundir.runs import RunSummary, is_run, list_runs
from tui.app.keys import bindings
from tui.app.screens.report import ReportScreen
from tui.app.screens.value import ValueScreen
from tui.app.widgets.keybar import KeyBar
from tui.app.widgets.lines import LineView
from tui.app.widgets.rows import RowList
from tui.charts.ticks import short
from tui.monitor.strip import STATE_STYLES
from tui.monitor.wording import duration
from tui.recent import recent, run_roots
from tui.text import Line, fit


@dataclass(frozen=True, slots=True)
class Entry:
    """One line: a heading, or something to open."""

    line: Line
    open: Callable[[], None] | None = None


class HomeScreen(Screen[None]):
    """Runs, configurations, presets; everything one key away."""

    CONTEXTS: ClassVar[tuple[str, ...]] = ("home", "list")
    AUTO_FOCUS = "#home"
    BINDINGS: ClassVar[list[BindingType]] = bindings("home")

    def __init__(self) -> None:
        super().__init__()
        self._entries: list[Entry] = []

    def compose(self) -> ComposeResult:
        yield LineView([((" ltx2-wizard", "strong"), ("  fine-tune LTX-2 audio-video models", "dim"))], id="title")
        yield RowList(id="home")
        yield KeyBar("home")

    def on_mount(self) -> None:
        self.action_reload()

    def on_screen_resume(self) -> None:
        self.action_reload()

    def action_reload(self) -> None:
        """Look for runs in a thread: a run may lie on a slow disk."""
        self._show([])
        self.run_worker(self._look, thread=True, exclusive=True, group="look")

    def _look(self) -> None:
        runs = list_runs(run_roots())[:12]
        self.call_later(self._show, runs)

    def _show(self, runs: list[RunSummary]) -> None:
        if not self.is_mounted:
            return
        rows = self.query_one(RowList)
        self._entries = [*self._starters(), *self._runs(runs), *self._configs()]
        rows.show(
            len(self._entries),
            self._draw,
            selectable=lambda index: self._entries[index].open is not None,
            cursor=rows.cursor,
        )

    def _draw(self, index: int, width: int, current: bool) -> Line:
        line = self._entries[index].line
        if not current:
            return line
        return ((fit("".join(text for text, _ in line), width), "cursor"),)

    def _starters(self) -> list[Entry]:
        return [
            Entry((("── Start " + "─" * 60, "title"),)),
            Entry((("   New configuration ", "strong"), ("from a preset", "dim")), self.action_new),
            Entry((("   Edit a file ...", "strong"),), self.action_edit),
            Entry((("   Watch a run ...", "strong"),), self.action_monitor),
        ]

    def _runs(self, runs: list[RunSummary]) -> list[Entry]:
        if not runs:
            return []
        now = time.time()
        return [Entry((("── Runs " + "─" * 61, "title"),))] + [
            Entry(_run_line(run, now), partial(self._watch, run.dir)) for run in runs
        ]

    def _configs(self) -> list[Entry]:
        found = recent().configs()[:12]
        if not found:
            return []
        return [Entry((("── Configurations " + "─" * 51, "title"),))] + [
            Entry(((f"   {path}", "text"),), partial(self._edit, path)) for path in found
        ]

    # ---------------------------------------------------------------- keys

    def on_row_list_chosen(self) -> None:
        self.action_choose()

    def action_choose(self) -> None:
        cursor = self.query_one(RowList).cursor
        opener = self._entries[cursor].open if cursor is not None and self._entries else None
        if opener is not None:
            opener()

    def action_new(self) -> None:
        from tui.app.screens.presets import choose_preset
        from tui.app.screens.wizard import WizardScreen
        from tui.forms.draft import Draft

        def chosen(draft: Draft | None) -> None:
            if draft is not None:
                self.app.push_screen(WizardScreen(draft))

        choose_preset(self.app, chosen)

    def action_edit(self) -> None:
        def entered(text: str | None) -> None:
            if text and text.strip():
                self._edit(Path(text.strip()).expanduser())

        self.app.push_screen(ValueScreen("Edit which file?", "", judge=_judge_file, base=Path()), entered)

    def action_monitor(self) -> None:
        def entered(text: str | None) -> None:
            if text and text.strip():
                self._watch(Path(text.strip()).expanduser())

        screen = ValueScreen("Watch which run directory?", "", judge=_judge_run, base=Path(), provider="directory")
        self.app.push_screen(screen, entered)

    def action_leave(self) -> None:
        self.app.exit(0)

    def _edit(self, path: Path) -> None:
        from tui.app.screens.wizard import WizardScreen, open_draft

        try:
            draft, notes = open_draft(path)
        except WizardError as error:
            self.app.push_screen(ReportScreen("This file cannot be opened", str(error).splitlines()))
            return
        recent().remember("configs", path)
        self.app.push_screen(WizardScreen(draft, notes=notes))

    def _watch(self, folder: Path) -> None:
        from tui.app.screens.monitor import MonitorScreen

        if not is_run(folder):
            self.app.push_screen(ReportScreen("Nothing to watch", [f"{folder} is not a run directory"]))
            return
        recent().remember("runs", folder)
        self.app.push_screen(MonitorScreen(folder))


def _run_line(run: RunSummary, now: float) -> Line:
    steps = f"{run.step}/{run.total}" if run.total else str(run.step)
    loss = f"loss {short(run.loss)}" if run.loss is not None else ""
    ago = f"{duration(now - run.updated)} ago" if run.updated else ""
    return (
        (f"   {run.state:<9}", STATE_STYLES.get(run.state, "text")),
        (f"{steps:<12}{loss:<13}{ago:<14}", "dim"),
        (str(run.dir), "text"),
    )


def _judge_file(text: str) -> str:
    path = Path(text.strip()).expanduser()
    return "" if path.is_file() else "no such file"


def _judge_run(text: str) -> str:
    path = Path(text.strip()).expanduser()
    return "" if path.is_dir() and is_run(path) else "not a run directory"
