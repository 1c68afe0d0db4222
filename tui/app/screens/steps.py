"""The screen of each step of the guide: the parts that exist on their own, put on the path."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar, Final

from textual.app import ComposeResult
from textual.binding import BindingType

from presets.memory import GIB
from tui.app.keys import bindings
from tui.app.screens.data import DataScreen
from tui.app.screens.goal import GoalScreen
from tui.app.screens.guided import Guided
from tui.app.screens.hardware import HardwareScreen
from tui.app.screens.model import ModelScreen
from tui.app.screens.review import ReviewScreen
from tui.app.screens.targets import TargetsScreen
from tui.app.screens.wizard import WizardScreen
from tui.app.widgets.keybar import KeyBar
from tui.app.widgets.lines import LineView
from tui.forms.draft import inside
from tui.guide.guide import Guide
from tui.guide.steps import INDEX, STEPS, step_of
from tui.targets.view import FIELD


class GridStep(Guided, WizardScreen):
    """The property grid, limited to what the step is about."""

    CONTEXTS: ClassVar[tuple[str, ...]] = ("grid", "guide", "list")

    def __init__(self, guide: Guide, name: str) -> None:
        step = STEPS[INDEX[name]]
        WizardScreen.__init__(self, guide.draft, only=step.only, heading=step.title)
        self.guide, self.step = guide, name

    def action_go(self, step: str, field: str | None = None) -> None:
        """A step that has a screen of its own besides its fields comes back to that."""
        if step == self.step and step in _MADE and field is None:
            self.app.switch_screen(step_screen(self.guide, step))
        else:
            Guided.action_go(self, step, field)

    def changed(self, path: str | None) -> None:
        WizardScreen.changed(self, path)
        self.look()


class TargetsStep(Guided, TargetsScreen):
    """The tree of modules; the other fields of the adapters are one key away."""

    CONTEXTS: ClassVar[tuple[str, ...]] = ("lora", "targets", "guide", "list")
    BINDINGS: ClassVar[list[BindingType]] = bindings("lora")
    step = "targets"

    def __init__(self, guide: Guide) -> None:
        TargetsScreen.__init__(self, guide.draft, vram=guide.draft.vram)
        self.guide = guide

    def compose(self) -> ComposeResult:
        for widget in TargetsScreen.compose(self):
            yield KeyBar("targets", "lora") if isinstance(widget, KeyBar) else widget

    def jump(self, path: str) -> None:
        """The modules are here; every other field of the adapters is in the grid."""
        if inside(path, "lora") and path != FIELD:
            self.app.switch_screen(step_screen(self.guide, self.step, path))
        elif path != FIELD:
            Guided.jump(self, path)

    def action_fields(self) -> None:
        self.jump("lora.rank")

    def tell(self, notice: str) -> None:
        self.query_one("#title", LineView).set_lines([((" Target modules", "title"), (f"   {notice}", "warn"))])

    def changed(self, path: str | None) -> None:
        del path
        self._changed()

    def action_next_error(self) -> None:
        """Nothing typed here can be wrong; the launch lists what is wrong elsewhere."""

    def _changed(self, node: str | None = None) -> None:
        TargetsScreen._changed(self, node)
        self.look()


class HardwareStep(Guided, HardwareScreen):
    """The cards; choosing one leads on."""

    CONTEXTS: ClassVar[tuple[str, ...]] = ("hardware", "guide", "list")
    step = "hardware"

    def __init__(self, guide: Guide) -> None:
        HardwareScreen.__init__(self, guide.draft, vram=guide.draft.vram)
        self.guide = guide

    def action_choose(self) -> None:
        """A tier is taken with all that the goal has for it."""
        item = self.view.item_at(self.rows.cursor)
        if item is None or item.kind != "tier":
            HardwareScreen.action_choose(self)
            return
        self.guide.choose_card(item.tier)
        self.view.card = item.tier * GIB
        self._changed(f"set up for {item.tier} GB; u takes it back")

    def tell(self, notice: str) -> None:
        self._tell(notice)

    def changed(self, path: str | None) -> None:
        del path
        self._changed()

    def action_next_error(self) -> None:
        """The launch lists what is wrong elsewhere."""

    def _changed(self, notice: str = "") -> None:
        HardwareScreen._changed(self, notice)
        self.look()


class ReviewStep(Guided, ReviewScreen):
    """The file as it will be written."""

    CONTEXTS: ClassVar[tuple[str, ...]] = ("review", "guide", "list")
    step = "review"

    def __init__(self, guide: Guide) -> None:
        ReviewScreen.__init__(self, guide.draft)
        self.guide = guide

    def changed(self, path: str | None) -> None:
        ReviewScreen.changed(self, path)
        self.look()

    def action_mend(self) -> None:
        """Go to the first field that is wrong, in its step."""
        problems = self.draft.problems
        if problems:
            self.action_go(step_of(problems[0].path).id, problems[0].path)


_MADE: Final[dict[str, Callable[[Guide], Guided]]] = {
    "goal": GoalScreen,
    "model": ModelScreen,
    "data": DataScreen,
    "targets": TargetsStep,
    "hardware": HardwareStep,
    "review": ReviewStep,
}
"""Steps with a screen of their own; the others are the property grid."""


def grid_step(guide: Guide, step: str, field: str | None = None) -> GridStep:
    """The fields of a step as a grid."""
    screen = GridStep(guide, step)
    screen.field = field
    return screen


def step_screen(guide: Guide, step: str, field: str | None = None) -> Guided:
    """The screen of a step, with the cursor on ``field`` where it has one."""
    made = _MADE.get(step)
    if made is None or (step == "targets" and field not in (None, FIELD)):
        return grid_step(guide, step, field)
    screen = made(guide)
    screen.field = field
    return screen
