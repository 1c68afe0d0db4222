"""Typing a target pattern while seeing what it hits."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Vertical
from textual.widgets import Input

from trainer.preflight.modules import close_endings, match_targets
from tui.app.keys import bindings, keys_of
from tui.app.widgets.entry import Entry, TypeAhead
from tui.app.widgets.keybar import fit_keys
from tui.app.widgets.lines import LineView
from tui.targets.selection import reached
from tui.targets.view import TargetsView
from tui.text import Line

SHOWN = 6
"""Lines kept for what is hit; their number never changes, so nothing moves while typing."""


class PatternScreen(TypeAhead[str]):
    """Dismissed with the pattern, or None when cancelled."""

    CONTEXTS: ClassVar[tuple[str, ...]] = ("editor",)
    AUTO_FOCUS = "#value"
    BINDINGS: ClassVar[list[BindingType]] = bindings("editor")
    DEFAULT_CSS = """
    PatternScreen { .dialog { width: 90; max-width: 100%; } #hits { height: 6; } }
    """

    def __init__(self, view: TargetsView) -> None:
        super().__init__()
        self._view = view

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog"):
            yield LineView([(("A target pattern", "title"),), (("a module's name, or its end after a dot", "dim"),)])
            yield Entry("", id="value", placeholder="attn1.to_k")
            yield LineView([()], id="hits")
            yield LineView([fit_keys(keys_of("editor"), [], 70)])

    def on_input_changed(self, event: Input.Changed) -> None:
        self.query_one("#hits", LineView).set_lines(hit_lines(event.value.strip(), self._view))

    def on_input_submitted(self) -> None:
        self.action_accept()

    def action_accept(self) -> None:
        self.dismiss(self.query_one(Entry).value.strip())

    def action_cancel(self) -> None:
        self.dismiss(None)

    def action_complete(self) -> None:
        entry = self.query_one(Entry)
        near = close_endings(entry.value.strip(), self._view.names)
        if near:
            entry.value = near[0]
            entry.cursor_position = len(near[0])


def hit_lines(pattern: str, view: TargetsView) -> list[Line]:
    """What a pattern hits in the run's modules, or what it may have meant."""
    if not pattern:
        return [()]
    names = [name for name in view.names if name in view.known.loaded]
    hits = match_targets([pattern], names)[pattern]
    if hits:
        units = ", ".join(f"{unit} {count}" for unit, count in reached(pattern, names).items())
        first = [((f"  {name}", "dim"),) for name in hits[: SHOWN - 2]]
        return [((f"✔ {len(hits)} modules: {units}", "good"),), *first]
    lines: list[Line] = [(("✖ no module of this run matches", "bad"),)]
    if match_targets([pattern], view.names)[pattern]:
        lines = [(("✖ matches only modules that this run does not load", "bad"),)]
    near = close_endings(pattern, names)
    return [*lines, ((f"  Tab: {', '.join(near)}", "dim"),)] if near else lines
