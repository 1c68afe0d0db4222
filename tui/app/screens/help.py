"""The keys that work on the screen below, read from the key table."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen

from tui.app.keys import TITLES, bindings, keys_of
from tui.app.widgets.rows import RowList
from tui.text import Line


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

    def on_mount(self) -> None:
        rows = self.query_one(RowList)
        rows.show_lines(help_lines(self._contexts))
        rows.focus()

    async def action_dismiss(self, result: None = None) -> None:
        self.dismiss(result)


def help_lines(contexts: Sequence[str]) -> list[Line]:
    """Title and keys of each context."""
    lines: list[Line] = []
    for context in dict.fromkeys(contexts):
        lines += [((TITLES[context], "title"),)]
        lines += [((f"  {key.display:<9}", "key"), (key.help, "text")) for key in keys_of(context)]
        lines += [()]
    return lines[:-1]
