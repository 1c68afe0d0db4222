"""Editing several lines of text: a prompt, a list with one item per line, a mapping."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Vertical

from tui.app.keys import bindings
from tui.app.widgets.entry import Area, TypeAhead
from tui.app.widgets.keybar import KeyLine
from tui.app.widgets.lines import LineView
from tui.text import Line


class TextScreen(TypeAhead[str]):
    """Dismissed with the text, or None when cancelled."""

    CONTEXTS: ClassVar[tuple[str, ...]] = ("text",)
    AUTO_FOCUS = "Area"
    BINDINGS: ClassVar[list[BindingType]] = bindings("text")
    DEFAULT_CSS = """
    TextScreen {
        .dialog { width: 100; max-width: 100%; height: 80%; }
        TextArea { height: 1fr; }
        #verdict { height: 2; }
    }
    """

    def __init__(
        self,
        title: str,
        text: str,
        *,
        hint: str = "",
        judge: Callable[[str], str] = lambda _text: "",
        note: Callable[[str], str] = lambda _text: "",
    ) -> None:
        """``judge`` says what would be wrong with a text; ``note`` says something about one that is right."""
        super().__init__()
        self._title, self._text, self._hint, self._judge, self._note = title, text, hint, judge, note

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog"):
            yield LineView([((self._title, "title"),), ((self._hint, "dim"),)])
            yield Area(self._text)
            yield LineView([()], id="verdict")
            yield KeyLine("text")

    def on_mount(self) -> None:
        self._verdict()

    def on_text_area_changed(self) -> None:
        self._verdict()

    def action_accept(self) -> None:
        self.dismiss(self.query_one(Area).text)

    def action_cancel(self) -> None:
        self.dismiss(None)

    def _verdict(self) -> None:
        text = self.query_one(Area).text
        lines: list[Line] = [((line, "bad"),) for line in self._judge(text).splitlines()[:2]]
        note = self._note(text) or "✔"
        good: Line = ((note, "warn" if note.startswith("✖") else "good"),)
        self.query_one("#verdict", LineView).set_lines(lines or [good])
