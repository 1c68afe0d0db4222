"""The step of the model files: their paths, and what their headers say."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType

from tui.app.keys import bindings
from tui.app.present import after_refresh
from tui.app.screens.facts import SMALL, FactsPane
from tui.app.screens.guided import Guided
from tui.app.screens.wizard import WizardScreen
from tui.app.widgets.keybar import KeyBar
from tui.app.widgets.lines import LineView
from tui.guide.guide import Guide
from tui.guide.model_facts import CHECKPOINT, ENCODER, ModelPaths
from tui.guide.steps import INDEX, STEPS


class ModelScreen(Guided, WizardScreen):
    """The fields of the section ``model`` above what was read from the files."""

    CONTEXTS: ClassVar[tuple[str, ...]] = ("model", "grid", "guide", "list")
    BINDINGS: ClassVar[list[BindingType]] = bindings("model")
    step = "model"

    def __init__(self, guide: Guide) -> None:
        step = STEPS[INDEX["model"]]
        WizardScreen.__init__(self, guide.draft, only=step.only, heading=step.title)
        self.guide = guide

    def compose(self) -> ComposeResult:
        yield LineView([()], id="title")
        yield from self.body()
        yield FactsPane([()], id="facts")
        yield KeyBar("model", "grid")

    def on_mount(self) -> None:
        self.show_facts()

    def on_resize(self) -> None:
        after_refresh(self, self.show_facts)

    def _arrange(self) -> None:
        """What was found goes before what the schema says."""
        WizardScreen._arrange(self)
        self.query_one("#doc").display = self.query_one("#doc").display and self.size.height >= SMALL

    def changed(self, path: str | None) -> None:
        """Behind the checkpoint the text encoder is wanted, as long as it is not there."""
        encoder = Path(ModelPaths.of(self.draft).encoder).expanduser()
        WizardScreen.changed(self, ENCODER if path == CHECKPOINT and not encoder.is_dir() else path)
        self.look()

    def show_facts(self) -> None:
        facts = self.guide.model
        lines = facts.lines if facts is not None else ("reading the files ...",)
        self.query_one(FactsPane).show_facts(lines, self.grid.size.width)

    def action_again(self) -> None:
        """The files may have changed."""
        self.guide.model = None
        self.show_facts()
        self.look()
