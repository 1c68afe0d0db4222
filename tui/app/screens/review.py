"""The file as it would be saved, with what is still wrong above it."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING, ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.screen import Screen

from schemas.errors import ConfigError
from tui.app.keys import bindings
from tui.app.widgets.keybar import KeyBar
from tui.app.widgets.lines import LineView
from tui.app.widgets.rows import RowList
from tui.forms.draft import Draft
from tui.text import Line, width_of

if TYPE_CHECKING:
    from tui.app.screens.saving import Saver


class ReviewScreen(Screen[None]):
    """Errors, then the YAML text."""

    CONTEXTS: ClassVar[tuple[str, ...]] = ("review", "list")
    AUTO_FOCUS = "#text"
    BINDINGS: ClassVar[list[BindingType]] = bindings("review")

    def __init__(self, draft: Draft, saver: Saver) -> None:
        super().__init__()
        self._draft = draft
        self._saver = saver

    def compose(self) -> ComposeResult:
        yield LineView([()], id="title")
        yield RowList(id="text", cursor=False)
        yield KeyBar("review")

    def on_mount(self) -> None:
        name = str(self._draft.path or "not saved yet")
        self.query_one("#title", LineView).set_lines([((f" Review: {name}", "strong"),)])
        self._show()

    def on_resize(self) -> None:
        self._show()

    def _show(self) -> None:
        lines = review_lines(self._draft)
        self.query_one("#text", RowList).show_lines(
            [part for line in lines for part in _broken(line, self.size.width - 1)]
        )

    async def action_dismiss(self, result: None = None) -> None:
        self.dismiss(result)

    def action_save(self) -> None:
        self.dismiss(None)
        self._saver.save()

    def action_launch(self) -> None:
        self.dismiss(None)
        self._saver.launch()


def review_lines(draft: Draft) -> list[Line]:
    """Problems and text, each as styled lines."""
    lines: list[Line] = []
    for problem in draft.problems:
        place = f"{problem.path}: " if problem.path else ""
        lines.append(((f"✖ {place}{problem.message}", "bad"),))
        if problem.hint:
            lines.append(((f"    {problem.hint}", "warn"),))
    if lines:
        lines.append(())
    try:
        text = draft.render().dump()
    except ConfigError as error:
        return [*lines, *(((line, "bad"),) for line in str(error).splitlines())]
    return lines + [_yaml_line(line) for line in text.splitlines()]


def _broken(line: Line, width: int) -> list[Line]:
    """A line that is too long as several, the rest indented a little more."""
    if width_of(line) <= width or width < 20:
        return [line]
    text, style = "".join(part for part, _ in line), line[-1][1]
    indent = " " * min(width // 2, len(text) - len(text.lstrip()) + 4)
    parts = textwrap.wrap(text, width, subsequent_indent=indent, drop_whitespace=False)
    return [((part, style),) for part in parts]


def _yaml_line(line: str) -> Line:
    if line.lstrip().startswith("#"):
        return ((line, "dim"),)
    key, colon, value = line.partition(":")
    if not colon or " " in key.strip().removeprefix("- "):
        return ((line, "text"),)
    return ((key + colon, "accent"), (value, "text"))
