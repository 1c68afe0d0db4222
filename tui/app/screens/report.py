"""Something to read and close: what the preflight found, what a field means, what was migrated."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen

from tui.app.keys import bindings
from tui.app.present import after_refresh
from tui.app.widgets.keybar import KeyLine
from tui.app.widgets.lines import LineView
from tui.app.widgets.rows import RowList
from tui.text import Line, clean_line


class ReportScreen(ModalScreen[None]):
    """A list of lines to read and close."""

    CONTEXTS: ClassVar[tuple[str, ...]] = ("dialog", "list")
    BINDINGS: ClassVar[list[BindingType]] = bindings("dialog")
    DEFAULT_CSS = """
    ReportScreen { .dialog { height: 80%; width: 110; max-width: 100%; } }
    """

    def __init__(self, title: str, lines: Sequence[str] | Callable[[int], list[Line]]) -> None:
        """``lines`` are texts to wrap, or a function from the width to styled lines."""
        super().__init__()
        self._title = title
        self._text = lines

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog"):
            yield LineView([((clean_line(self._title), "title"),)])
            yield RowList(id="report", cursor=False)
            yield KeyLine("dialog")

    def on_mount(self) -> None:
        self._show()
        self.query_one(RowList).focus()

    def on_resize(self) -> None:
        after_refresh(self, self._show)

    def _show(self) -> None:
        rows = self.query_one(RowList)
        width = rows.size.width or 70
        rows.show_lines(self._text(width - 1) if callable(self._text) else wrapped(self._text, width))

    def action_cancel(self) -> None:
        self.dismiss(None)


def wrapped(text: Sequence[str], width: int) -> list[Line]:
    """Long lines broken, errors and warnings in their colours."""
    import textwrap

    lines: list[Line] = []
    for line in text:
        style = "bad" if line.startswith("error") else "warn" if line.startswith("warning") else "text"
        indent = " " * (len(line) - len(line.lstrip()) + 2)
        parts = textwrap.wrap(clean_line(line), max(20, width - 1), subsequent_indent=indent) or [""]
        lines += [((part, style),) for part in parts]
    return lines
