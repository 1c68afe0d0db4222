"""The options of ``prepare`` as a form, and the way to a preparation that runs."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from textual.app import App, ComposeResult
from textual.binding import BindingType

from schemas.errors import WizardError
from tui.app.keys import bindings
from tui.app.present import after_refresh
from tui.app.screens.fieldgrid import FieldGrid
from tui.app.screens.report import ReportScreen
from tui.app.screens.working import WorkingScreen
from tui.app.widgets.entry import Entry
from tui.app.widgets.keybar import KeyBar
from tui.app.widgets.lines import LineView
from tui.guide.preparation_form import options_of, preparation_draft
from tui.guide.preparing import start
from tui.jobs import Job

if TYPE_CHECKING:
    from schemas.prepare import PrepareOptions
    from tui.forms.draft import Draft

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
        app.push_screen(PrepareScreen(preparation_draft(config, dataset, clip), started))


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

    def __init__(self, draft: Draft, started: Started) -> None:
        super().__init__(draft)
        self._started = started

    def compose(self) -> ComposeResult:
        yield LineView([()], id="title")
        yield from self.body()
        yield KeyBar("prepare")

    def on_mount(self) -> None:
        self.query_one("#filter", Entry).can_focus = False  # hidden until asked for
        self._arrange()
        self.refresh_rows()
        self.tell("")

    def on_resize(self) -> None:
        self._arrange()
        after_refresh(self, self.describe)

    def _arrange(self) -> None:
        self.query_one("#doc").display = self.size.height >= 14

    def tell(self, notice: str) -> None:
        count = len(self.draft.problems)
        errors = (f"{count} {'error' if count == 1 else 'errors'}", "bad") if count else ("ready: s starts", "good")
        self.query_one("#title", LineView).set_lines(
            [((" Prepare data  ", "title"), errors, (f"  {notice}" if notice else "", "warn"))]
        )

    def changed(self, path: str | None) -> None:
        self.refresh_rows(path)
        self.tell("")

    def action_start(self) -> None:
        """Start the process and show it; with errors go to the first one."""
        options = options_of(self.draft)
        if options is None:
            self.action_next_error()
            self.tell("not yet")
            return
        try:
            job = start(options)
        except WizardError as error:
            self.app.push_screen(ReportScreen("Prepare cannot start", str(error).splitlines()))
            return
        self._started(options)
        self.app.switch_screen(WorkingScreen(job))

    def action_retreat(self) -> None:
        if not self.close_filter():
            self.action_close()

    def action_close(self) -> None:
        self.dismiss(None)
