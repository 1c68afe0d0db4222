"""The options of ``prepare`` as a form, and the way to a preparation that runs."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Final

from textual.app import App, ComposeResult
from textual.binding import BindingType

from schemas.errors import EXIT_DATA, EXIT_OK, WizardError
from tui.app.background import in_background
from tui.app.keys import bindings
from tui.app.present import after_refresh, present
from tui.app.screens.confirm import ConfirmScreen
from tui.app.screens.fieldgrid import FieldGrid
from tui.app.screens.report import ReportScreen
from tui.app.screens.working import USE, WorkingScreen
from tui.app.widgets.entry import Entry
from tui.app.widgets.keybar import KeyBar
from tui.app.widgets.lines import LineView
from tui.guide.data_facts import ROOT
from tui.guide.preparation_form import lacking, options_of, preparation_draft, prepared_root
from tui.guide.preparing import start
from tui.jobs import Job

if TYPE_CHECKING:
    from schemas.prepare import PrepareOptions
    from tui.forms.draft import Draft

BUCKETS: Final = "resolution_buckets"
Started = Callable[["PrepareOptions"], None]


def open_preparation(
    app: App[int],
    running: Job | None,
    config: Draft | None,
    dataset: Path | None,
    clip: tuple[int, int, int] | None = None,
    started: Started = lambda _options: None,
) -> None:
    """Show what runs, or a form for ``dataset`` filled from ``config`` and the clips' own size ``clip``.

    ``started`` hears of a new preparation.
    """
    if running is not None:
        app.push_screen(WorkingScreen(running))
    else:
        app.push_screen(PrepareScreen(preparation_draft(config, dataset, clip), started, alone=config is None))


class PrepareScreen(FieldGrid):
    """Every option is a row, as in the wizard; the process is started when nothing is wrong any more."""

    CONTEXTS: ClassVar[tuple[str, ...]] = ("prepare", "list")
    AUTO_FOCUS = "#grid"
    BINDINGS: ClassVar[list[BindingType]] = bindings("prepare")
    DEFAULT_CSS = """
    PrepareScreen {
        #body { height: 1fr; }
        #doc { height: 7; border-top: solid $rule; padding: 0 1; }
        #doc-side { display: none; }
        #filter { display: none; }
        #filter.open { display: block; }
    }
    """

    def __init__(self, draft: Draft, started: Started, *, alone: bool = False) -> None:
        """``alone``: for no configuration yet, so that one can be begun with what was prepared."""
        super().__init__(draft)
        self._started = started
        self._alone = alone
        self._lacking = ""

    def compose(self) -> ComposeResult:
        yield LineView([()], id="title")
        yield from self.body()
        yield KeyBar("prepare")

    def on_mount(self) -> None:
        self.query_one("#filter", Entry).can_focus = False  # hidden until asked for
        self._arrange()
        self.changed(None)

    def on_resize(self) -> None:
        self._arrange()
        after_refresh(self, self.describe)

    def _arrange(self) -> None:
        self.query_one("#doc").display = self.size.height >= 14

    def tell(self, notice: str) -> None:
        count = len(self.draft.problems)
        errors = (f"{count} {'error' if count == 1 else 'errors'}", "bad") if count else ("ready: s starts", "good")
        if self._lacking and not count:
            errors = (self._lacking, "bad")
        self.query_one("#title", LineView).set_lines(
            [((" Prepare data  ", "title"), errors, (f"  {notice}" if notice else "", "warn"))]
        )

    def changed(self, path: str | None) -> None:
        self.refresh_rows(path)
        self._lacking = ""
        self.tell("")
        self.run_worker(self._look(), exclusive=True, group="look")

    async def _look(self) -> None:
        """What the dataset file makes necessary, read in a thread."""
        options = options_of(self.draft)
        found = await in_background(lambda: lacking(options)) if options is not None else ""
        if present(self) and found != self._lacking:
            self._lacking = found
            self.tell("")

    def action_start(self) -> None:
        """Start the process and show it; with errors go to the first one."""
        options = options_of(self.draft)
        if options is None:
            self.action_next_error()
            self.tell("not yet")
            return
        self._lacking = lacking(options)
        if self._lacking:
            self.jump(BUCKETS)
            self.tell("not yet")
            return
        try:
            job = start(options)
        except WizardError as error:
            self.app.push_screen(ReportScreen("Prepare cannot start", str(error).splitlines()))
            return
        self._started(options)
        self.app.push_screen(
            WorkingScreen(job, use=self._alone), lambda wanted: self._worked(job, prepared_root(options), wanted)
        )

    def _worked(self, job: Job, root: Path, wanted: str | None) -> None:
        """Behind a preparation: a new configuration on its data, or back; behind one that failed, the filled form."""
        if wanted == USE:
            from tui.app.screens.goal import GoalScreen
            from tui.guide.guide import Guide

            guide = Guide.new()
            guide.draft.set(ROOT, str(root))
            self.app.switch_screen(GoalScreen(guide))
        elif job.running or job.process.returncode in (EXIT_OK, EXIT_DATA):
            self.dismiss(None)

    def action_retreat(self) -> None:
        if not self.close_filter():
            self.action_close()

    def action_close(self) -> None:
        def answered(yes: bool | None) -> None:
            if yes:
                self.dismiss(None)

        if self.draft.can_undo:
            question = "Leave without preparing?"
            self.app.push_screen(ConfirmScreen(question, "What you have entered would be thrown away."), answered)
        else:
            self.dismiss(None)
