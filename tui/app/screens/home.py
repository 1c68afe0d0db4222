"""Home: what was left unfinished, where to start, what was used lately.

Nothing heavy is imported here: the first frame is there before the schema is, and each action loads what it needs.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.screen import Screen

from tui.app.keys import bindings
from tui.app.present import present
from tui.app.widgets.keybar import KeyBar
from tui.app.widgets.lines import LineView
from tui.app.widgets.rows import RowList
from tui.drafts import DraftStore, Unsaved
from tui.jobs import Job
from tui.jobs import running as jobs
from tui.recent import recent, run_roots
from tui.text import Line, clean_line, fit, width_of

if TYPE_CHECKING:
    from trainer.rundir.runs import RunSummary

MOST = 12
"""Runs and files that are listed."""
NAME = 24
"""Columns of what a line does; what it is about follows."""


WARM_AFTER = 0.5
"""Seconds until what the actions need is loaded, so that the first one need not wait for it."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One line: a heading, or something to open."""

    line: Line
    open: Callable[[], None] | None = None
    about: Path | Unsaved | None = None
    """The configuration file or kept draft of the line."""
    place: str = ""
    """A path that ends the line; its end is what tells it from others."""


@dataclass(slots=True)
class Found:
    """What was looked up in the background."""

    drafts: list[Unsaved] = field(default_factory=list)
    runs: list[RunSummary] = field(default_factory=list)
    configs: list[Path] = field(default_factory=list)


class HomeScreen(Screen[None]):
    """Runs, configurations, presets; everything one key away."""

    CONTEXTS: ClassVar[tuple[str, ...]] = ("home", "list")
    AUTO_FOCUS = "#home"
    BINDINGS: ClassVar[list[BindingType]] = bindings("home")

    def __init__(self) -> None:
        super().__init__()
        self._entries: list[Entry] = []
        self._found = Found()

    def compose(self) -> ComposeResult:
        yield LineView([((" ltx2-wizard", "strong"), ("  fine-tune LTX-2 audio-video models", "dim"))], id="title")
        yield RowList(id="home")
        yield KeyBar("home")

    def on_mount(self) -> None:
        self._show()
        self.set_timer(WARM_AFTER, lambda: self.run_worker(_warm, thread=True, group="warm"))

    def on_screen_resume(self) -> None:
        self.action_reload()

    # ---------------------------------------------------------------- looking

    def action_reload(self) -> None:
        """Look for runs in a thread: a run may lie on a slow disk."""
        self.run_worker(self._look, thread=True, exclusive=True, group="look")

    def _look(self) -> None:
        from trainer.rundir.runs import list_runs

        found = Found(DraftStore().unsaved(), list_runs(run_roots())[:MOST], recent().configs()[:MOST])
        self.call_later(self._take, found)

    def _take(self, found: Found) -> None:
        if present(self):
            self._found = found
            self._show()

    def _show(self) -> None:
        """Lay the lines out anew; the cursor stays on the line it is on, wherever that goes."""
        rows, before = self.query_one(RowList), self._here()
        self._entries = [*self._starters(), *self._jobs(), *self._runs(), *self._configs()]
        cursor = next((i for i, entry in enumerate(self._entries) if before and _same(entry, before)), rows.cursor)
        rows.show(
            len(self._entries),
            self._draw,
            selectable=lambda index: self._entries[index].open is not None,
            cursor=cursor,
        )

    def _here(self) -> Entry | None:
        cursor = self.query_one(RowList).cursor
        return self._entries[cursor] if cursor is not None and cursor < len(self._entries) else None

    def _draw(self, index: int, width: int, current: bool) -> Line:
        entry = self._entries[index]
        if entry.open is None:
            text = "".join(text for text, _ in entry.line)
            return ((text + "─" * max(0, width - len(text)), "title"),)
        room = max(0, width - width_of(entry.line))
        line = (*entry.line, (fit(entry.place, room, keep_end=True), "text")) if entry.place else entry.line
        if not current:
            return line
        return ((fit("".join(text for text, _ in line), width), "cursor"),)

    # ---------------------------------------------------------------- lines

    def _starters(self) -> list[Entry]:
        drafts = [
            Entry(_line("Continue the draft", f"{draft.name}, {_ago(draft.time)}"), partial(self._resume, draft), draft)
            for draft in self._found.drafts
        ]
        return [
            *_section("Not saved yet", drafts),
            _heading("Start"),
            Entry(_line("New configuration", "step by step, from what the model should learn"), self.action_new),
            Entry(_line("From a preset", "straight to all its fields"), self.action_preset),
            Entry(_line("Edit a file", "comments and order survive"), self.action_edit),
            Entry(_line("Duplicate a file", "a copy under another name"), self.action_duplicate),
            Entry(_line("Prepare data", "clips and captions become training data"), self._prepare),
            Entry(_line("Watch a run", "by its directory"), self.action_monitor),
            Entry(_line("All runs", "go on with one, compare, read the log, delete"), self.action_runs),
            Entry(_line("Demo", "a tiny model learns here within minutes"), self._demo),
            Entry(_line("Doctor", "GPU, driver, disk, versions"), self._doctor),
        ]

    def _jobs(self) -> list[Entry]:
        return _section("Running here", [Entry(_line(job.title, ""), partial(self._watch_job, job)) for job in jobs()])

    def _runs(self) -> list[Entry]:
        if not self._found.runs:
            return []
        from tui.runlines import home_line

        now = time.time()
        lines = [
            Entry(home_line(run, now), partial(self._watch, run.dir), place=clean_line(str(run.dir)))
            for run in self._found.runs
        ]
        return _section("Runs", lines)

    def _configs(self) -> list[Entry]:
        found = self._found.configs
        lines = [
            Entry((("   ", "text"),), partial(self._edit, path), path, place=clean_line(str(path))) for path in found
        ]
        return _section("Configurations", lines)

    # ---------------------------------------------------------------- keys

    def on_row_list_chosen(self) -> None:
        self.action_choose()

    def action_choose(self) -> None:
        entry = self._here()
        if entry is not None and entry.open is not None:
            entry.open()

    def action_new(self) -> None:
        from tui.app.screens.opening import open_guide

        open_guide(self.app)

    def action_preset(self) -> None:
        from tui.app.screens.opening import open_preset

        open_preset(self.app)

    def action_resume(self) -> None:
        if self._found.drafts:
            self._resume(self._found.drafts[0])

    def action_edit(self) -> None:
        from tui.app.screens.opening import ask_file

        ask_file(self.app, "Edit which file?", self._edit)

    def action_duplicate(self) -> None:
        """A copy of the highlighted configuration, or of one that is asked for."""
        from tui.app.screens.opening import ask_file, duplicate

        entry = self._here()
        if entry is not None and isinstance(entry.about, Path):
            duplicate(self.app, entry.about)
        else:
            ask_file(self.app, "Make a copy of which file?", partial(duplicate, self.app))

    def action_steps(self) -> None:
        from tui.app.screens.opening import edit_file

        entry = self._here()
        if entry is not None and isinstance(entry.about, Path):
            edit_file(self.app, entry.about, guided=True)

    def action_monitor(self) -> None:
        from tui.app.screens.opening import ask_run

        ask_run(self.app, self._watch)

    def action_runs(self) -> None:
        from tui.app.screens.runs import RunsScreen

        self.app.push_screen(RunsScreen())

    def action_drop(self) -> None:
        from tui.app.screens.opening import drop_draft

        entry = self._here()
        if entry is not None and isinstance(entry.about, Unsaved):
            drop_draft(self.app, entry.about, self.action_reload)

    def action_leave(self) -> None:
        self.app.exit(0)

    # ---------------------------------------------------------------- opening

    def _resume(self, draft: Unsaved) -> None:
        from tui.app.screens.opening import resume_draft

        resume_draft(self.app, draft)

    def _edit(self, path: Path) -> None:
        from tui.app.screens.opening import edit_file

        edit_file(self.app, path)

    def _watch(self, folder: Path) -> None:
        from tui.app.screens.opening import watch_run

        watch_run(self.app, folder)

    def _watch_job(self, job: Job) -> None:
        from tui.app.screens.working import WorkingScreen

        self.app.push_screen(WorkingScreen(job))

    def _prepare(self) -> None:
        from tui.app.screens.prepare import open_preparation

        open_preparation(self.app, None, None, None)

    def _demo(self) -> None:
        from tui.app.screens.opening import ask_demo

        ask_demo(self.app)

    def _doctor(self) -> None:
        from tui.app.screens.doctor import DoctorScreen

        self.app.push_screen(DoctorScreen())


def _warm() -> None:
    import_module("tui.app.screens.steps")
    import_module("tui.guide.goals").goals()


def _same(entry: Entry, before: Entry) -> bool:
    """The same run goes on while its numbers change."""
    return (entry.place == before.place) if entry.place and before.place else entry.line == before.line


def _heading(title: str) -> Entry:
    return Entry(((f"── {title} ", "title"),))


def _section(title: str, lines: Sequence[Entry]) -> list[Entry]:
    return [_heading(title), *lines] if lines else []


def _line(name: str, about: str) -> Line:
    return ((f"   {clean_line(name):<{NAME}}", "strong"), (clean_line(about), "dim"))


def _ago(then: float) -> str:
    from tui.monitor.wording import duration

    return f"{duration(max(0.0, time.time() - then))} ago"
