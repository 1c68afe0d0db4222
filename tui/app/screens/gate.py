"""What keeps a training from being started, with a way to each thing."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen

from tui.app.keys import bindings, keys_of
from tui.app.widgets.keybar import fit_keys
from tui.app.widgets.lines import LineView
from tui.app.widgets.rows import RowList
from tui.guide.steps import INDEX, STEPS, Obstacle
from tui.text import Line, fit


class GateScreen(ModalScreen[Obstacle]):
    """Dismissed with the thing to mend, or None."""

    CONTEXTS: ClassVar[tuple[str, ...]] = ("gate", "list")
    AUTO_FOCUS = "#obstacles"
    BINDINGS: ClassVar[list[BindingType]] = bindings("gate")
    DEFAULT_CSS = """
    GateScreen { #obstacles { height: 3; max-height: 70%; } #more { height: 4; } }
    """

    def __init__(self, obstacles: Sequence[Obstacle]) -> None:
        super().__init__()
        self._obstacles = list(obstacles)

    def compose(self) -> ComposeResult:
        count = len(self._obstacles)
        title = f"Not yet: {count} {'thing is' if count == 1 else 'things are'} in the way"
        with Vertical(classes="dialog"):
            yield LineView([((title, "title"),)])
            yield RowList(id="obstacles")
            yield LineView([()] * 4, id="more")
            yield LineView([fit_keys(keys_of("gate"), [], 60)])

    def on_mount(self) -> None:
        rows = self.query_one(RowList)
        rows.styles.height = max(3, min(len(self._obstacles), 20))
        rows.show(len(self._obstacles), self._draw, follow=self._describe)

    def _draw(self, index: int, width: int, current: bool) -> Line:
        one = self._obstacles[index]
        title = fit(STEPS[INDEX[one.step]].title, 15)
        text = fit(f"{one.path}: {one.message}" if one.path else one.message, max(0, width - 18))
        if current:
            return ((f" ✖ {title}{text}", "cursor"),)
        return ((" ✖ ", "bad"), (title, "strong"), (text, "text"))

    def _describe(self) -> None:
        cursor = self.query_one(RowList).cursor
        pane = self.query_one("#more", LineView)
        if cursor is None:
            return
        one, width = self._obstacles[cursor], max(20, pane.size.width or 70)
        long = len(one.path) + len(one.message) > width - 20
        lines: list[Line] = [((part, "text"),) for part in textwrap.wrap(one.message, width)[: 3 if long else 0]]
        lines += [((part, "warn"),) for part in textwrap.wrap(one.hint, width)[: 4 - len(lines)]]
        pane.set_lines(lines)

    def on_row_list_chosen(self) -> None:
        self.action_accept()

    def action_accept(self) -> None:
        cursor = self.query_one(RowList).cursor
        if cursor is not None:
            self.dismiss(self._obstacles[cursor])

    def action_cancel(self) -> None:
        self.dismiss(None)
