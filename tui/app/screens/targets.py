"""Choosing target modules in a tree of the actual transformer."""

from __future__ import annotations

from typing import ClassVar, Final

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.screen import Screen

from tui.app.keys import bindings
from tui.app.screens.weighing import Weigher
from tui.app.widgets.keybar import KeyBar
from tui.app.widgets.lines import LineView
from tui.app.widgets.rows import RowList
from tui.forms.draft import Draft
from tui.targets.selection import group_patterns, toggled, with_feed_forward
from tui.targets.view import FIELD, WIDE, TargetsView
from tui.text import Line

RANKS: Final = (2, 4, 8, 16, 32, 64, 128, 256)


class TargetsScreen(Screen[None]):
    """Patterns, the tree, and what the choice costs, changing with every key."""

    CONTEXTS: ClassVar[tuple[str, ...]] = ("targets", "list")
    AUTO_FOCUS = "#tree"
    BINDINGS: ClassVar[list[BindingType]] = bindings("targets")
    DEFAULT_CSS = """
    TargetsScreen { #head { height: 2; } #notes { height: 2; padding: 0; } }
    """

    def __init__(self, draft: Draft, *, vram: float | None = None) -> None:
        """``vram`` is the card's memory in GB; without it the card of this machine counts."""
        super().__init__()
        self.draft = draft
        self.view = TargetsView(draft)
        self._weigher = Weigher(self, self._draw_title, vram=vram)

    def compose(self) -> ComposeResult:
        yield LineView([()], id="title")
        yield LineView([(), ()], id="head")
        yield RowList(id="tree")
        yield LineView([(), ()], id="notes")
        yield KeyBar("targets")

    def on_mount(self) -> None:
        self._show(self.view.index_of("video"))

    @property
    def rows(self) -> RowList:
        return self.query_one("#tree", RowList)

    def on_row_list_chosen(self) -> None:
        self.action_switch()

    # ---------------------------------------------------------------- drawing

    def _show(self, cursor: int | None = None) -> None:
        view = self.view
        self.rows.show(
            view.count, view.line, selectable=view.selectable, cursor=self.rows.cursor if cursor is None else cursor
        )
        self.query_one("#head", LineView).set_lines(view.summary())
        self._draw_notes()
        self._draw_title()
        self._weigher.look(self.draft.data)

    def on_row_list_moved(self) -> None:
        self._draw_notes()

    def _draw_notes(self) -> None:
        """Warnings; with room left, what the line under the cursor stands for."""
        node = self.view.node_at(self.rows.cursor or 0)
        notes: list[Line] = []
        notes += [((f" ! {text}", "warn"),) for text in self.view.warnings()][:2]
        if len(notes) < 2 and node is not None and self.size.width < WIDE:
            notes.append(((f" {self.view.words_of(node)}", "dim"),))
        self.query_one("#notes", LineView).set_lines(notes or [()])

    def _draw_title(self) -> None:
        fit = self._weigher.fit
        line: list[tuple[str, str]] = [(" Target modules", "title")]
        if fit is not None and not self.draft.problems:
            line.append(("   the whole run: " + fit.short(), "good" if fit.fits else "bad"))
        self.query_one("#title", LineView).set_lines([tuple(line)])

    # ---------------------------------------------------------------- changing

    def _choose(self, patterns: list[str]) -> None:
        node = self.view.node_at(self.rows.cursor or 0)
        self.draft.set(FIELD, patterns)
        self._changed(node.id if node is not None else None)

    def _changed(self, node: str | None = None) -> None:
        self.view.refresh()
        self._show(self.view.index_of(node) if node is not None else None)

    def action_switch(self) -> None:
        node = self.view.node_at(self.rows.cursor or 0)
        if node is not None:
            self._choose(toggled(node.names, self.view.patterns, self.view.names))

    def action_group(self, group: str) -> None:
        self._choose(group_patterns(group))

    def action_feed_forward(self) -> None:
        self._choose(with_feed_forward(self.view.patterns, self.view.names))

    def action_remove(self) -> None:
        pattern = self.view.pattern_at(self.rows.cursor or 0)
        if pattern is not None:
            self._choose([other for other in self.view.patterns if other != pattern])

    def action_rank(self, step: int) -> None:
        now = self.view.rank
        wider = [rank for rank in RANKS if rank > now]
        smaller = [rank for rank in RANKS if rank < now]
        found = (wider[:1] if step > 0 else smaller[-1:]) or [now]
        self.draft.set("lora.rank", found[0])
        self._changed()

    def action_pattern(self) -> None:
        from tui.app.screens.pattern import PatternScreen

        def typed(pattern: str | None) -> None:
            if pattern and pattern not in self.view.patterns:
                self._choose([*self.view.patterns, pattern])

        self.app.push_screen(PatternScreen(self.view), typed)

    def action_undo(self) -> None:
        if self.draft.undo() is not None:
            self._changed()

    def action_redo(self) -> None:
        if self.draft.redo() is not None:
            self._changed()

    # ---------------------------------------------------------------- looking

    def action_open(self) -> None:
        node = self.view.node_at(self.rows.cursor or 0)
        if node is None or not node.children:
            return
        self.view.opened.symmetric_difference_update({node.id})
        self._unfolded(node.id)

    def action_close(self) -> None:
        node = self.view.node_at(self.rows.cursor or 0)
        if node is None:
            return
        if node.id in self.view.opened:
            self.view.opened.discard(node.id)
            self._unfolded(node.id)
        elif "/" in node.id:
            self.rows.go(self.view.index_of(node.id.rpartition("/")[0]) or 0)

    def _unfolded(self, node: str) -> None:
        self.view.unfold()
        self._show(self.view.index_of(node))

    def action_back(self) -> None:
        self.dismiss(None)
