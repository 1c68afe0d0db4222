"""All runs: state, curve, verdict; watch, go on, compare, read the log, delete."""

from __future__ import annotations

import time
from pathlib import Path
from typing import ClassVar, Final

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.screen import Screen

from schemas.errors import WizardError
from trainer.rundir.layout import RunDirectory
from tui.app.keys import bindings
from tui.app.present import present
from tui.app.screens.confirm import ConfirmScreen
from tui.app.screens.report import ReportScreen
from tui.app.widgets.keybar import KeyBar
from tui.app.widgets.lines import LineView
from tui.app.widgets.rows import RowList
from tui.checking import Checked
from tui.overview import Overview, RunRow, delete_run, file_size, overview
from tui.recent import recent, run_roots
from tui.runlines import detail_lines, run_line
from tui.text import Line, clean_line

RELOAD_SECONDS: Final = 5.0


class RunsScreen(Screen[None]):
    """A line per run, the most recently alive first; what matters about the highlighted one stands below."""

    CONTEXTS: ClassVar[tuple[str, ...]] = ("runs", "list")
    AUTO_FOCUS = "#runs"
    BINDINGS: ClassVar[list[BindingType]] = bindings("runs")
    DEFAULT_CSS = "RunsScreen #detail { height: 3; }"

    def __init__(self, roots: list[Path] | None = None) -> None:
        """``roots``: where to look; by default ./outputs and every run remembered."""
        super().__init__()
        self._roots = roots
        self._found = Overview((), ())
        self._marked: set[Path] = set()
        self._looked = False
        self._looking = False
        self._changed = False
        """A run was deleted while a look was under way, which may have seen it still."""

    def compose(self) -> ComposeResult:
        yield LineView([((" Runs", "strong"),)], id="title")
        yield RowList(id="runs")
        yield LineView([(), (), ()], id="detail")
        yield KeyBar(*self.CONTEXTS)

    def on_mount(self) -> None:
        self._show()
        self.set_interval(RELOAD_SECONDS, self.action_reload)

    def on_screen_resume(self) -> None:
        self.action_reload()

    # ---------------------------------------------------------------- looking

    def action_reload(self) -> None:
        """Look in a thread, which gives up on places that do not answer."""
        if self.app.screen is self and not self._looking:
            self._looking = True
            self.run_worker(self._look, thread=True, group="look")

    def _look(self) -> None:
        found = overview(run_roots() if self._roots is None else self._roots)
        self.call_later(self._take, found)

    def _take(self, found: Overview) -> None:
        if present(self):
            self._found, self._looked, self._looking = found, True, False
            self._show()
            if self._changed:
                self._look_anew()

    def _look_anew(self) -> None:
        """What is being found now may be of before a change."""
        self._changed = self._looking
        self.action_reload()

    def _show(self) -> None:
        rows, here = self.query_one(RowList), self._here()
        listed = self._found.rows
        cursor = next((place for place, row in enumerate(listed) if here and row.dir == here.dir), rows.cursor)
        self.query_one("#title", LineView).set_lines([self._title()])
        rows.show(len(listed), self._draw, cursor=cursor, follow=self._show_detail)

    def _title(self) -> Line:
        if not self._looked:
            return ((" Runs", "strong"), ("  looking ...", "dim"))
        alive = sum(row.alive for row in self._found.rows)
        spans = [(" Runs", "strong"), (f"  {len(self._found.rows)}, {alive} of them alive", "dim")]
        if self._found.silent:
            silent = ", ".join(clean_line(str(root)) for root in self._found.silent)
            spans.append((f"  no answer from {silent}", "warn"))
        return tuple(spans)

    def _here(self) -> RunRow | None:
        cursor = self.query_one(RowList).cursor
        return self._found.rows[cursor] if cursor is not None and cursor < len(self._found.rows) else None

    def _draw(self, index: int, width: int, current: bool) -> Line:
        row = self._found.rows[index]
        line = run_line(row, width, time.time(), marked=row.dir in self._marked)
        return tuple((text, "cursor") for text, _ in line) if current else line

    def _show_detail(self) -> None:
        row = self._here()
        nothing: list[Line] = [(("no runs here yet: `ltx2-wizard train` makes one" if self._looked else "", "dim"),)]
        lines = nothing if row is None else detail_lines(row, self.size.width, time.time())
        self.query_one("#detail", LineView).set_lines([*lines, (), (), ()][:3])

    # ---------------------------------------------------------------- keys

    def on_row_list_chosen(self) -> None:
        self.action_watch()

    def action_watch(self) -> None:
        row = self._here()
        if row is not None:
            self._watch(row.dir, ())

    def action_mark(self) -> None:
        row = self._here()
        if row is not None:
            self._marked ^= {row.dir}
            self.query_one(RowList).redraw()

    def action_compare(self) -> None:
        row = self._here()
        others = tuple(other.dir for other in self._found.rows if other.dir in self._marked and other is not row)
        if row is None:
            return
        if not others:
            self._tell("Nothing to compare with", "Mark another run with the space bar first.")
        else:
            self._watch(row.dir, others)

    def _watch(self, folder: Path, overlays: tuple[Path, ...]) -> None:
        from tui.app.screens.monitor import MonitorScreen

        recent().remember("runs", folder)
        self.app.push_screen(MonitorScreen(folder, overlays=overlays))

    def action_log(self) -> None:
        from tui.app.screens.runlog import RunLogScreen

        row = self._here()
        if row is not None:
            self.app.push_screen(RunLogScreen(RunDirectory(row.dir)))

    def action_edit(self) -> None:
        from tui.app.screens.opening import edit_file

        row = self._here()
        if row is not None:
            edit_file(self.app, RunDirectory(row.dir).config_path)

    def action_leave(self) -> None:
        if len(self.app.screen_stack) > 2:
            self.dismiss(None)
        else:
            self.app.exit(0)

    # ---------------------------------------------------------------- going on

    def action_resume(self) -> None:
        row = self._here()
        if row is not None:
            self.run_worker(lambda: self._check(row.dir), thread=True, exclusive=True, group="check")

    def _check(self, folder: Path) -> None:
        """Thread: the preflight may take seconds."""
        from tui.resuming import check_resumable

        try:
            checked = check_resumable(folder)
        except WizardError as error:
            self.app.call_later(self._tell, "This run cannot go on", *str(error).splitlines())
            return
        self.app.call_later(self._ask_to_resume, folder, checked)

    def _ask_to_resume(self, folder: Path, checked: Checked) -> None:
        if not present(self):
            return
        if not checked.report.ok:
            self._tell("This run cannot go on", *checked.lines())
            return

        def answered(yes: bool | None) -> None:
            if yes:
                self._resume(folder)

        self.app.push_screen(ConfirmScreen("Go on with this run?", str(folder), *[*checked.lines()][:6]), answered)

    def _resume(self, folder: Path) -> None:
        from tui.app.screens.monitor import MonitorScreen
        from tui.launch import start_trainer, trainer_command

        run = RunDirectory(folder)
        try:
            process = start_trainer(trainer_command(run.config_path, resume="auto", processes=1), run)
        except WizardError as error:
            self._tell("Training cannot start", *str(error).splitlines())
            return
        recent().remember("runs", folder)
        self.app.push_screen(MonitorScreen(folder, ended=process.poll))

    # ---------------------------------------------------------------- deleting

    def action_delete(self) -> None:
        row = self._here()
        if row is None:
            return
        if row.alive:
            self._tell("A living run is never deleted", f"{row.dir} is {row.summary.state}; stop it first.")
            return

        def answered(yes: bool | None) -> None:
            if yes:
                self.run_worker(lambda: self._delete(row.dir), thread=True, group="delete")

        details = (f"{row.dir} ({file_size(row.size)})", "Its checkpoints and samples are gone then.")
        self.app.push_screen(ConfirmScreen("Delete this run?", *details), answered)

    def _delete(self, folder: Path) -> None:
        try:
            delete_run(folder)
        except WizardError as error:
            self.app.call_later(self._tell, "Not deleted", *str(error).splitlines())
        self._marked.discard(folder)
        self.app.call_later(self._look_anew)

    def _tell(self, title: str, *lines: str) -> None:
        self.app.push_screen(ReportScreen(title, [clean_line(line) for line in lines]))
