"""Choosing one line from many by typing part of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Final

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Vertical
from textual.widgets import Input

from tui.app.keys import bindings
from tui.app.widgets.entry import Entry, TypeAhead
from tui.app.widgets.keybar import KeyLine
from tui.app.widgets.lines import LineView
from tui.app.widgets.rows import RowList
from tui.forms.fuzzy import NO_MATCH, score
from tui.text import Line, clean_line, fit

OTHER_LINES: Final = 5
"""Lines of the dialog that are no options: frame, title, filter, keys."""


@dataclass(frozen=True, slots=True)
class Option:
    """One thing to choose."""

    value: Any
    label: str
    help: str = ""


class PickerScreen(TypeAhead[Option]):
    """A filter line above a list; dismissed with the option, or None when cancelled.

    ``free`` lets a typed text that is no option be chosen as it stands.
    """

    CONTEXTS: ClassVar[tuple[str, ...]] = ("picker",)
    AUTO_FOCUS = "#filter"
    BINDINGS: ClassVar[list[BindingType]] = bindings("picker")
    DEFAULT_CSS = """
    PickerScreen { .dialog { height: 90%; width: 100; max-width: 100%; } }
    """

    def __init__(self, title: str, options: Sequence[Option], *, current: Any = None, free: bool = False) -> None:
        super().__init__()
        self._title = title
        self._options = list(options)
        self._shown = self._options
        self._free = free
        self._typed = ""
        self._start = next((i for i, option in enumerate(self._options) if option.value == current), 0)

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog"):
            yield LineView([((clean_line(self._title), "title"),)])
            yield Entry(placeholder="type to filter", id="filter")
            yield RowList(id="options")
            yield KeyLine("picker")

    def on_mount(self) -> None:
        rows = self.query_one(RowList)
        self.query_one(".dialog").styles.max_height = len(self._options) + OTHER_LINES
        rows.can_focus = False
        rows.show(len(self._shown), self._draw, cursor=self._start)

    def on_input_changed(self, event: Input.Changed) -> None:
        self._filter(event.value)

    def _filter(self, typed: str) -> None:
        if typed == self._typed:
            return
        self._typed = typed
        self._shown = _matching(self._options, typed)
        self.query_one(RowList).show(len(self._shown), self._draw, cursor=0)

    def on_row_list_chosen(self) -> None:
        self.action_accept()

    def entered(self) -> None:
        """Enter comes through the input; what is to be chosen from may not have followed the last letters yet."""
        self._filter(self.query_one(Input).value)
        self.action_accept()

    def action_accept(self) -> None:
        cursor = self.query_one(RowList).cursor
        typed = self.query_one(Input).value.strip()
        if cursor is not None and self._shown:
            self.dismiss(self._shown[cursor])
        elif self._free and typed:
            self.dismiss(Option(typed, typed))

    def action_cancel(self) -> None:
        self.dismiss(None)

    def action_move(self, lines: int) -> None:
        self.query_one(RowList).action_move(lines)

    def action_page(self, pages: int) -> None:
        self.query_one(RowList).action_page(pages)

    def _draw(self, index: int, width: int, current: bool) -> Line:
        option = self._shown[index]
        name = max((len(each.label) for each in self._options), default=0) + 2
        name = min(name, max(12, width // 2))
        style = "cursor" if current else "text"
        label = fit(clean_line(option.label), name - 2, keep_end=_is_path(option.label)) + "  "
        return (
            (" " + label, style),
            (fit(clean_line(option.help), max(0, width - name - 1)), "cursor" if current else "dim"),
        )


def _is_path(label: str) -> bool:
    """Of a field's path the end says most."""
    return "." in label and " " not in label


def _matching(options: list[Option], typed: str) -> list[Option]:
    """The options that are meant, the likeliest first."""
    scores = [(score(typed, option.label, option.help), option) for option in options]
    return [option for found, option in sorted(scores, key=lambda pair: -pair[0]) if found != NO_MATCH]
