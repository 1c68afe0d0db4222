"""The keys that work on the screen below, read from the key table."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from typing import ClassVar, Final

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen

from tui.app.keys import TITLES, bindings, keys_of
from tui.app.present import after_refresh
from tui.app.widgets.keybar import KeyLine
from tui.app.widgets.rows import RowList
from tui.text import Line

HANGING: Final = 11
"""Column where the words begin."""


class HelpScreen(ModalScreen[None]):
    """A scrolling list of keys with one line each."""

    CONTEXTS: ClassVar[tuple[str, ...]] = ("help",)
    BINDINGS: ClassVar[list[BindingType]] = bindings("help")
    DEFAULT_CSS = """
    HelpScreen .dialog { height: 90%; }
    """

    def __init__(self, contexts: Sequence[str]) -> None:
        super().__init__()
        self._contexts = [*contexts, "app"]

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog"):
            yield RowList(id="help", cursor=False)
            yield KeyLine("help")

    def on_mount(self) -> None:
        self._show()
        self.query_one(RowList).focus()

    def on_resize(self) -> None:
        after_refresh(self, self._show)

    def _show(self) -> None:
        rows = self.query_one(RowList)
        rows.show_lines(help_lines(self._contexts, rows.size.width or 70))

    async def action_dismiss(self, result: None = None) -> None:
        self.dismiss(result)


def help_lines(contexts: Sequence[str], width: int = 1000) -> list[Line]:
    """Title and keys of each context; what is too long for a line goes on below."""
    lines: list[Line] = []
    for context in dict.fromkeys(contexts):
        lines += [((TITLES[context], "title"),)]
        for key in keys_of(context):
            first, *more = textwrap.wrap(key.help, max(20, width - HANGING - 1))
            lines += [((f"  {key.display:<{HANGING - 2}}", "key"), (first, "text"))]
            lines += [((" " * HANGING + rest, "text"),) for rest in more]
        lines += [()]
    return lines[:-1]
