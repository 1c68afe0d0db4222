"""A question with yes and no."""

from __future__ import annotations

import textwrap
from typing import ClassVar, Final

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen

from tui.app.keys import bindings
from tui.app.widgets.keybar import KeyLine
from tui.app.widgets.lines import LineView
from tui.text import Line

WIDTH: Final = 76
"""Columns of a dialog, if the terminal has them."""
EDGES: Final = 4
"""Columns of its border and padding."""


class ConfirmScreen(ModalScreen[bool]):
    """Dismissed with the answer; nothing but ``y`` means yes."""

    CONTEXTS: ClassVar[tuple[str, ...]] = ("confirm",)
    BINDINGS: ClassVar[list[BindingType]] = bindings("confirm")

    def __init__(self, question: str, *details: str) -> None:
        super().__init__()
        self._question = question
        self._details = details

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog"):
            yield LineView(self._lines(), id="question")
            yield LineView([()])
            yield KeyLine("confirm")

    def on_resize(self) -> None:
        view = self.query_one("#question", LineView)
        view.set_lines(self._lines())
        view.refresh(layout=True)

    def _lines(self) -> list[Line]:
        """The question and its details, wrapped to the dialog."""
        width = max(10, min(WIDTH, self.app.size.width) - EDGES)
        texts = [(self._question, "strong"), *((text, "text") for text in self._details)]
        return [((part, style),) for text, style in texts for part in textwrap.wrap(text, width) or [""]]

    def action_answer(self, answer: bool) -> None:
        self.dismiss(answer)
