"""The first step: what the model should learn, with a picture of what is given and what is generated."""

from __future__ import annotations

import textwrap
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal

import presets
from tui.app.keys import bindings
from tui.app.present import after_refresh
from tui.app.screens.guided import Guided
from tui.app.widgets.keybar import KeyBar
from tui.app.widgets.lines import LineView
from tui.app.widgets.rows import RowList
from tui.guide.diagram import diagram
from tui.guide.goals import INTENTS, goal, goals
from tui.guide.guide import Guide
from tui.text import Line, fit

LIST = 37
"""Columns of the list of goals where the picture stands beside it."""
BESIDE = 72
"""Columns that list and picture need beside each other; with fewer the picture stands below."""


class GoalScreen(Guided):
    """A list of intents and the picture of the highlighted one."""

    CONTEXTS: ClassVar[tuple[str, ...]] = ("goal", "guide", "list")
    AUTO_FOCUS = "#goals"
    BINDINGS: ClassVar[list[BindingType]] = bindings("goal")
    step = "goal"
    DEFAULT_CSS = """
    GoalScreen {
        #halves { height: 1fr; layout: horizontal; }
        #halves.stacked { layout: vertical; }
        #goals { width: 37; }
        #picture { width: 1fr; height: 1fr; padding: 0 1; }
        #halves.stacked #goals { width: 1fr; height: 1fr; }
        #halves.stacked #picture { height: 8; }
        #halves.little #picture { display: none; }
    }
    """

    def __init__(self, guide: Guide) -> None:
        super().__init__(guide.draft)
        self.guide = guide
        self._names = presets.names()
        self._notice = ""

    def compose(self) -> ComposeResult:
        yield LineView([()], id="title")
        with Horizontal(id="halves"):
            yield RowList(id="goals")
            yield LineView([()], id="picture")
        yield KeyBar("goal")

    def on_mount(self) -> None:
        chosen = self._names.index(self.guide.goal) if self.guide.goal in self._names else 0
        self._arrange()
        self.query_one(RowList).show(len(self._names), self._draw, cursor=chosen, follow=self._picture)
        self.tell("")
        self.run_worker(goals, thread=True, group="read")  # so that no picture waits for its preset to be read

    def on_resize(self) -> None:
        self._arrange()
        after_refresh(self, self._picture)

    def _arrange(self) -> None:
        halves = self.query_one("#halves")
        stacked = self.columns < BESIDE
        halves.set_class(stacked, "stacked")
        halves.set_class(stacked and self.size.height < 20, "little")

    # ---------------------------------------------------------------- drawing

    def tell(self, notice: str) -> None:
        self._notice = notice
        question: Line = ((" What should the model learn?", "title"), (f"  {notice}", "warn"))
        self.query_one("#title", LineView).set_lines([question])

    def changed(self, path: str | None) -> None:
        del path
        self.look()
        self.query_one(RowList).redraw()
        self.tell("")

    def action_next_error(self) -> None:
        """There is nothing to mend here; the launch lists what is wrong elsewhere."""

    def _draw(self, index: int, width: int, current: bool) -> Line:
        name = self._names[index]
        mark = "●" if name == self.guide.goal else " "
        text = fit(INTENTS.get(name) or presets.describe(name).title, max(0, width - 3))
        if current:
            return ((f" {mark} {text}", "cursor"),)
        return ((f" {mark} ", "accent"), (text, "text"))

    def _picture(self) -> None:
        pane = self.query_one("#picture", LineView)
        cursor = self.query_one(RowList).cursor
        if cursor is None or not pane.display:
            return
        width, height = pane.content_size.width or 40, pane.content_size.height or 20
        pane.set_lines(goal_lines(self._names[cursor], width, height))

    # ---------------------------------------------------------------- choosing

    def on_row_list_chosen(self) -> None:
        self.action_choose()

    def action_choose(self) -> None:
        cursor = self.query_one(RowList).cursor
        if cursor is not None:
            if self._names[cursor] != self.guide.goal:
                self.guide.choose_goal(self._names[cursor])
            self.action_step(1)

    def action_undo(self) -> None:
        self.changed(self.draft.undo())

    def action_redo(self) -> None:
        self.changed(self.draft.redo())


def goal_lines(name: str, width: int, height: int) -> list[Line]:
    """The picture of a goal with its words around it, as much as has room; the picture is the last thing to go."""
    found = goal(name)
    info = found.info
    head: list[Line] = [((fit(found.intent, width), "strong"),), ((fit(info.task, width), "dim"),), ()]
    picture = diagram(found.strategy, width, found.size)
    words: list[Line] = [(), *(((part, "text"),) for part in textwrap.wrap(info.description, width))]
    needs: list[Line] = [()]
    for label, values in (("columns", info.columns), ("folders", [f"{each}/" for each in info.directories])):
        parts = textwrap.wrap(", ".join(values), max(10, width - 10))
        needs += [((f"{label if not row else '':<10}", "dim"), (part, "text")) for row, part in enumerate(parts)]
    needs.append((("preset    ", "dim"), (name, "text")))
    lines = [*head, *picture]
    if len(picture) + len(head) > height:
        return picture[:height]
    for more in (words, needs):
        if len(lines) + len(more) <= height:
            lines += more
    return lines
