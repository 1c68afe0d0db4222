"""Editing one value as a line of text, with the verdict under it while typing and completion for paths."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Vertical
from textual.widgets import Input

from tui.app.keys import bindings
from tui.app.widgets.entry import Entry, TypeAhead
from tui.app.widgets.keybar import KeyLine
from tui.app.widgets.lines import LineView
from tui.forms.complete import common_start, complete_path
from tui.text import Line

CANDIDATES = 4
"""Lines kept for completions; their number never changes, so nothing moves while typing."""


class ValueScreen(TypeAhead[str]):
    """Dismissed with the text, or None when cancelled. ``judge`` says what would be wrong with a text."""

    CONTEXTS: ClassVar[tuple[str, ...]] = ("editor",)
    AUTO_FOCUS = "#value"
    BINDINGS: ClassVar[list[BindingType]] = bindings("editor")
    DEFAULT_CSS = """
    ValueScreen { .dialog { width: 100; max-width: 100%; } #verdict { height: 2; } #candidates { height: 4; } }
    """

    def __init__(
        self,
        title: str,
        text: str,
        *,
        hint: str = "",
        judge: Callable[[str], str] = lambda _text: "",
        provider: str | None = None,
        base: Path | None = None,
        relative: bool = False,
    ) -> None:
        super().__init__()
        self._title, self._text, self._hint, self._judge = title, text, hint, judge
        self._provider = provider
        self._base = base
        self._relative = relative
        """Whether completions are names below ``base`` and not paths of their own."""

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog"):
            yield LineView([((self._title, "title"),), ((self._hint, "dim"),)])
            yield Entry(self._text, id="value")
            yield LineView([()], id="verdict")
            if self._base is not None:
                yield LineView([()], id="candidates")
            yield KeyLine("editor")

    def on_mount(self) -> None:
        self._verdict(self._text)
        self._look_up(self._text)

    def on_input_changed(self, event: Input.Changed) -> None:
        self._verdict(event.value)
        self._look_up(event.value)

    def on_input_submitted(self) -> None:
        """Enter comes through the input, behind whatever was typed before it."""
        self.action_accept()

    def action_accept(self) -> None:
        self.dismiss(self.query_one(Entry).value)

    def action_cancel(self) -> None:
        self.dismiss(None)

    def action_complete(self) -> None:
        if self._base is None:
            return
        entry = self.query_one(Entry)
        candidates = complete_path(entry.value, self._provider, self._base)
        entry.value = common_start(candidates, entry.value)
        entry.cursor_position = len(entry.value)

    def _verdict(self, text: str) -> None:
        problem = self._judge(text)
        lines: list[Line] = [((line, "bad"),) for line in problem.splitlines()[:2]]
        self.query_one("#verdict", LineView).set_lines(lines or [(("✔", "good"),)])

    def _look_up(self, text: str) -> None:
        """List completions in a thread: a directory on a slow network must not hold up typing."""
        if self._base is None:
            return
        base = self._base

        def find() -> None:
            found = complete_path(text, self._provider, base)
            self.call_later(self._show_candidates, text, found)

        self.run_worker(find, thread=True, exclusive=True, group="complete")

    def _show_candidates(self, text: str, found: list[str]) -> None:
        if not self.is_mounted or self.query_one(Entry).value != text:
            return
        lines: list[Line] = [(("  " + name, "dim"),) for name in found[:CANDIDATES]]
        if len(found) > CANDIDATES:
            lines[-1] = ((f"  … {len(found) - CANDIDATES + 1} more; Tab completes", "dim"),)
        self.query_one("#candidates", LineView).set_lines(lines or [(("  no such file or directory here", "dim"),)])
