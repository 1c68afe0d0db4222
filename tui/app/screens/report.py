"""What the preflight found, before a training starts."""

from __future__ import annotations

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
from tui.text import Line


class ReportScreen(ModalScreen[None]):
    """A list of lines to read and close."""

    CONTEXTS: ClassVar[tuple[str, ...]] = ("dialog", "list")
    BINDINGS: ClassVar[list[BindingType]] = bindings("dialog")
    DEFAULT_CSS = """
    ReportScreen { .dialog { height: 80%; width: 110; max-width: 100%; } }
    """

    def __init__(self, title: str, lines: Sequence[str]) -> None:
        super().__init__()
        self._title = title
        self._text = list(lines)

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog"):
            yield LineView([((self._title, "strong"),)])
            yield RowList(id="report", cursor=False)
            yield LineView([fit_keys(keys_of("dialog"), [], 60)])

    def on_mount(self) -> None:
        rows = self.query_one(RowList)
        rows.show_lines(wrapped(self._text, rows.size.width or 70))
        rows.focus()

    def on_resize(self) -> None:
        rows = self.query_one(RowList)
        self.call_after_refresh(lambda: rows.show_lines(wrapped(self._text, rows.size.width or 70)))

    def action_cancel(self) -> None:
        self.dismiss(None)


def wrapped(text: Sequence[str], width: int) -> list[Line]:
    """Long lines broken, errors and warnings in their colours."""
    import textwrap

    lines: list[Line] = []
    for line in text:
        style = "bad" if line.startswith("error") else "warn" if line.startswith("warning") else "text"
        indent = " " * (len(line) - len(line.lstrip()) + 2)
        lines += [((part, style),) for part in textwrap.wrap(line, max(20, width - 1), subsequent_indent=indent)]
    return lines
