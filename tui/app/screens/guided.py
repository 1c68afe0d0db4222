"""What every step of the guide shares: the rail, going from step to step, saving, launching, leaving."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual.binding import BindingType
from textual.dom import DOMNode
from typing_extensions import override

from tui.app.keys import bindings
from tui.app.present import after_refresh, present
from tui.app.screens.confirm import ConfirmScreen
from tui.app.screens.drafting import DraftScreen
from tui.app.screens.fieldgrid import FieldGrid
from tui.app.screens.launching import Launcher
from tui.app.screens.picker import Option
from tui.app.screens.saving import Saver
from tui.app.widgets.keybar import KeyBar
from tui.app.widgets.rail import Mark, StepRail, rail_columns
from tui.forms.rows import build_rows
from tui.guide.data_facts import DataFacts
from tui.guide.guide import Guide, look
from tui.guide.model_facts import ModelFacts
from tui.guide.steps import INDEX, STEPS, step_of, unready
from tui.text import Line


class Guided(DraftScreen):
    """Mixed into the screen of a step, in front of it: ``class ReviewStep(Guided, ReviewScreen)``.

    The step shows the shared draft; everything about the path is here. Moving never asks and never refuses.
    """

    CONTEXTS: ClassVar[tuple[str, ...]] = ("guide",)
    BINDINGS: ClassVar[list[BindingType]] = bindings("guide")
    step: str = ""
    guide: Guide

    @classmethod
    @override
    def _css_bases(cls, base: type[DOMNode]) -> Sequence[type[DOMNode]]:  # type: ignore[override] # cached there
        """A step looks like the screen it is made from; Textual follows the first base alone."""
        return tuple(each for each in base.__mro__ if issubclass(each, DOMNode))

    def on_mount(self) -> None:
        self.guide.visited.add(self.step)
        self.mount(StepRail(), before=0)
        for bar in self.query(KeyBar):
            bar.lead("guide")
        if self.field is not None and not isinstance(self, FieldGrid):  # a grid opens on it: no key is too early
            after_refresh(self, self.jump, self.field)
        self.look()

    def on_resize(self) -> None:
        after_refresh(self, self.show_rail)

    def on_screen_resume(self) -> None:
        self.look()

    # ---------------------------------------------------------------- the rail

    @property
    @override
    def columns(self) -> int:
        return self.size.width - rail_columns(self.size.width)

    def show_rail(self) -> None:
        """Draw how far every step is."""
        marks = [Mark(step.id, step.title, step.state(self.guide), step.id == self.step) for step in STEPS]
        for rail in self.query(StepRail):
            rail.update_marks(marks, self.size.width)
        self.draw_standing()

    @override
    def standing(self) -> Line:
        """Settings can be good while the files they name are not there."""
        missing = () if self.draft.problems else unready(self.guide)
        said = super().standing() if self.draft.problems else (("settings valid", "good"),)
        return (*said, (f", not ready: {', '.join(missing)}", "warn")) if missing else said

    def look(self) -> None:
        """Show what is known, and find out what is not in a thread: files may lie on a slow disk."""
        self.guide.follow()
        after_refresh(self, self.show_rail)
        paths, question = self.guide.stale()
        if paths is not None or question is not None:
            self.run_worker(
                lambda: self.call_later(self._found, *look(paths, question)), thread=True, exclusive=True, group="look"
            )

    def _found(self, model: ModelFacts | None, data: DataFacts | None) -> None:
        self.guide.take(model, data)
        if present(self):
            self.show_rail()
            self.show_facts()

    def show_facts(self) -> None:
        """Something new is known about the model files or the data."""

    # ---------------------------------------------------------------- going

    def on_step_rail_chosen(self, event: StepRail.Chosen) -> None:
        self.action_go(event.step)

    def action_step(self, by: int) -> None:
        index = INDEX[self.step] + by
        if 0 <= index < len(STEPS):
            self.action_go(STEPS[index].id)
        else:
            self.tell("this is the last step" if by > 0 else "this is the first step")

    def action_go(self, step: str, field: str | None = None) -> None:
        from tui.app.screens.steps import step_screen

        if step != self.step:
            self.app.switch_screen(step_screen(self.guide, step, field))
        elif field is not None:
            self.jump(field)

    def jump(self, path: str) -> None:
        """Go to a field, in whatever step it is."""
        step = step_of(path).id
        if step != self.step:
            self.action_go(step, path)
        elif isinstance(self, FieldGrid):
            FieldGrid.jump(self, path)

    def places(self) -> list[Option]:
        """Every field of every step, for the command palette."""
        rows = [row for row in build_rows(self.draft) if row.selectable]
        return [Option(row.path, row.path, row.title) for row in rows]

    def action_retreat(self) -> None:
        """Close the filter, else go back a step; from the first one out of the guide."""
        if isinstance(self, FieldGrid) and self.close_filter():
            return
        if INDEX[self.step]:
            self.action_step(-1)
        else:
            self.action_close()

    # ---------------------------------------------------------------- saving and leaving

    def action_save(self) -> None:
        Saver(self).save(self.look)

    def action_save_as(self) -> None:
        Saver(self).save_as(self.look)

    def action_launch(self) -> None:
        Launcher(self).launch()

    def action_close(self) -> None:
        def answered(yes: bool | None) -> None:
            if yes:
                self._leave()

        if self.draft.dirty and self.draft.can_undo and not self.draft.only_respelled:
            question = "Leave without saving?"
            self.app.push_screen(ConfirmScreen(question, "What you have entered would be thrown away."), answered)
        else:
            self._leave()

    def _leave(self) -> None:
        self.discard()
        if len(self.app.screen_stack) > 2:
            self.dismiss(None)
        else:
            self.app.exit(0)
