"""A question with yes and no."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen

from tui.app.keys import bindings
from tui.app.widgets.keybar import KeyLine
from tui.app.widgets.lines import LineView


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
            yield LineView(
                [((self._question, "strong"),), *(((text, "text"),) for text in self._details)], id="question"
            )
            yield LineView([()])
            yield KeyLine("confirm")

    def action_answer(self, answer: bool) -> None:
        self.dismiss(answer)
