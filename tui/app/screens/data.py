"""The step of the data: where they are, what they hold, and preparing them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType

from schemas.prepare import PrepareOptions
from tui.app.keys import bindings
from tui.app.present import after_refresh
from tui.app.screens.facts import SMALL, FactsPane
from tui.app.screens.guided import Guided
from tui.app.screens.prepare import open_preparation
from tui.app.screens.wizard import WizardScreen
from tui.app.widgets.keybar import KeyBar
from tui.app.widgets.lines import LineView
from tui.guide.data_facts import ROOT
from tui.guide.guide import Guide
from tui.guide.preparation_form import prepared_root
from tui.guide.preparing import running_for
from tui.guide.steps import INDEX, STEPS
from tui.jobs import Job

EVERY = 1.0
"""Seconds between two looks at a preparation that runs."""


class DataScreen(Guided, WizardScreen):
    """The fields of the section ``data`` above what is there; ``p`` prepares a dataset file."""

    CONTEXTS: ClassVar[tuple[str, ...]] = ("data", "grid", "guide", "list")
    BINDINGS: ClassVar[list[BindingType]] = bindings("data")
    step = "data"

    def __init__(self, guide: Guide) -> None:
        step = STEPS[INDEX["data"]]
        WizardScreen.__init__(self, guide.draft, only=step.only, heading=step.title)
        self.guide = guide
        self._was_running = False

    def compose(self) -> ComposeResult:
        yield LineView([()], id="title")
        yield from self.body()
        yield FactsPane([()], id="facts")
        yield KeyBar("data", "grid")

    def on_mount(self) -> None:
        self.show_facts()
        self.set_interval(EVERY, self._follow)

    def on_resize(self) -> None:
        after_refresh(self, self.show_facts)

    def _arrange(self) -> None:
        """What was found goes before what the schema says."""
        WizardScreen._arrange(self)
        self.query_one("#doc").display = self.query_one("#doc").display and self.size.height >= SMALL

    def changed(self, path: str | None) -> None:
        WizardScreen.changed(self, path)
        self.look()

    # ---------------------------------------------------------------- drawing

    def show_facts(self) -> None:
        self.query_one(FactsPane).show_facts(self._lines(), self.grid.size.width)

    def _lines(self) -> Iterator[str]:
        running = self._preparation()
        if running is not None:
            progress = running.progress()
            count = f" {progress.done}/{progress.total}" if progress.total else ""
            yield f"preparing: {progress.phase}{count} (p shows it)"
        facts = self.guide.data
        yield from facts.lines if facts is not None else ("looking at the data ...",)
        if running is None and facts is not None and facts.dataset is not None:
            yield f"p prepares {facts.dataset.name}{' again' if facts.state.mark == 'done' else ''}"

    def _preparation(self) -> Job | None:
        root = self.draft.get(ROOT)
        return running_for(root) if isinstance(root, str) else None

    def _follow(self) -> None:
        """While a preparation runs its progress is shown; when it has ended the data are looked at anew."""
        running = self._preparation() is not None
        if running:
            self.show_facts()
        elif self._was_running:
            self.action_again()
        self._was_running = running

    # ---------------------------------------------------------------- keys

    def action_again(self) -> None:
        """The data may have changed."""
        self.guide.data = None
        self.show_facts()
        self.look()

    def action_prepare(self) -> None:
        """Show the preparation that runs, or the options of a new one."""
        facts = self.guide.data
        dataset, clip = (facts.dataset, facts.clip) if facts is not None else (None, None)
        open_preparation(self.app, self._preparation(), self.draft, dataset, clip, self._started)

    def _started(self, options: PrepareOptions) -> None:
        """What is prepared is what will be trained on."""
        self.draft.set(ROOT, str(prepared_root(options)))
        self._was_running = True
        self.changed(ROOT)
