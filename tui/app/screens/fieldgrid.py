"""The property grid as a screen: rows, the pane that documents them, and what keys do to a row."""

from __future__ import annotations

from textual.app import ComposeResult
from textual.containers import Horizontal
from textual.widgets import Input

from tui.app.screens.drafting import DraftScreen
from tui.app.screens.editing import open_editor
from tui.app.screens.picker import Option
from tui.app.widgets.entry import Entry
from tui.app.widgets.lines import LineView
from tui.app.widgets.rows import RowList
from tui.forms import edits
from tui.forms.doc import cut, doc_lines
from tui.forms.draft import Draft
from tui.forms.grid import GridView, grid_line
from tui.forms.rows import build_rows
from tui.text import Line


class FieldGrid(DraftScreen):
    """Every field of a draft, or those at and below ``only``, is a row; one editor at a time."""

    def __init__(self, draft: Draft, *, only: tuple[str, ...] = ()) -> None:
        super().__init__(draft)
        self.view = GridView(draft, only)

    def body(self) -> ComposeResult:
        """Filter, rows and documentation, to be yielded from ``compose``."""
        yield Entry(placeholder="find a field by name or text", id="filter")
        with Horizontal(id="body"):
            yield RowList(id="grid")
            yield LineView([()], id="doc-side")
        yield LineView([()], id="doc")

    @property
    def grid(self) -> RowList:
        return self.query_one("#grid", RowList)

    # ---------------------------------------------------------------- drawing

    def refresh_rows(self, path: str | None = None) -> None:
        """Build the rows anew after a change; the cursor goes to ``path`` or stays on its field."""
        before = path if path is not None else self.view.path_at(self.grid.cursor)
        count, same_shape = len(self.view.rows), self.view.rebuild(keep=before)
        cursor = self.view.index_of(before) if before is not None else self.grid.cursor
        if same_shape and count and cursor == self.grid.cursor:
            self.grid.redraw(*self.view.altered)
            self.describe()
        else:
            self.grid.show(
                len(self.view.rows),
                lambda index, width, current: grid_line(self.view, index, width, current),
                selectable=lambda index: self.view.rows[index].selectable,
                cursor=cursor,
                follow=self.describe,
            )

    def doc(self, width: int, *, dense: bool = False) -> list[Line]:
        """All there is to say about the row under the cursor."""
        row = self.view.row_at(self.grid.cursor)
        problems = self.view.problems_of(row) if row is not None else ()
        form = tuple(problem for problem in self.draft.problems if not problem.path and problem not in problems)
        return doc_lines(self.draft, row, (*form, *problems), width, dense=dense)

    def describe(self) -> None:
        """Document the row under the cursor beside the grid or below it."""
        side = self.query_one("#doc-side", LineView)
        pane = side if side.display else self.query_one("#doc", LineView)
        if pane.display:
            lines = self.doc(pane.content_size.width or self.columns - 2, dense=pane is not side)
            pane.set_lines(cut(lines, max(1, pane.content_size.height)))

    def on_row_list_chosen(self) -> None:
        self.action_edit()

    # ---------------------------------------------------------------- changing

    def action_edit(self) -> None:
        row = self.view.row_at(self.grid.cursor)
        if row is not None and row.kind == "section" and row.value is not None:
            self.grid.action_move(1)
        elif row is not None:
            open_editor(self.app, self.draft, row, self.changed)

    def action_flip(self) -> None:
        row = self.view.row_at(self.grid.cursor)
        if row is not None and (edits.toggle_section(self.draft, row) if row.kind == "section" else
                                edits.bump(self.draft, row, 1)):  # fmt: skip
            self.changed(row.path)

    def action_bump(self, step: int) -> None:
        row = self.view.row_at(self.grid.cursor)
        if row is not None and edits.bump(self.draft, row, step):
            self.changed(row.path)

    def action_reset(self) -> None:
        row = self.view.row_at(self.grid.cursor)
        if row is not None and edits.reset(self.draft, row):
            self.changed(row.path)

    def action_restore(self) -> None:
        row = self.view.row_at(self.grid.cursor)
        if row is not None and edits.restore(self.draft, row):
            self.changed(row.path)

    def action_remove(self) -> None:
        row = self.view.row_at(self.grid.cursor)
        if row is not None and edits.remove(self.draft, row):
            self.changed(None)

    def action_shift(self, step: int) -> None:
        row = self.view.row_at(self.grid.cursor)
        if row is not None and (path := edits.shift(self.draft, row, step)):
            self.changed(path)

    def action_undo(self) -> None:
        path = self.draft.undo()
        self.changed(path) if path is not None else self.tell("nothing to undo")

    def action_redo(self) -> None:
        path = self.draft.redo()
        self.changed(path) if path is not None else self.tell("nothing to redo")

    # ---------------------------------------------------------------- looking

    def jump(self, path: str) -> None:
        """Go to a field, hidden or not."""
        self.view.words = ""
        self.refresh_rows(path)

    def places(self) -> list[Option]:
        """Every field, for the command palette."""
        rows = [row for row in build_rows(self.draft) if row.selectable and self.view.in_reach(row)]
        return [Option(row.path, row.path, row.title) for row in rows]

    def action_filter(self) -> None:
        entry = self.query_one("#filter", Entry)
        entry.can_focus = True
        entry.add_class("open")
        self.set_focus(entry)

    def on_input_changed(self, event: Input.Changed) -> None:
        self._find(event.value)

    def _find(self, words: str) -> None:
        if words != self.view.words:
            self.view.words = words
            self.view.rebuild()
            self.refresh_rows(self.view.best_match())

    def entered(self) -> None:
        """Enter in the filter goes to the rows; they may not have followed the last letters yet."""
        self._find(self.query_one("#filter", Entry).value)
        self.set_focus(self.grid)

    def action_advanced(self) -> None:
        self.view.advanced = not self.view.advanced
        self._sift()

    def action_only_errors(self) -> None:
        self.view.only_errors = not self.view.only_errors
        self._sift()

    def action_only_changed(self) -> None:
        self.view.next_changed()
        self._sift()

    def _sift(self) -> None:
        """Show other rows; the cursor stays on its row, or goes to the nearest thing above it."""
        path = self.view.path_at(self.grid.cursor) or ""
        self.view.rebuild()
        self.refresh_rows(self.view.path_at(self.view.index_of(path)))

    def action_next_error(self) -> None:
        path = self.view.next_problem(self.grid.cursor)
        if path is None:
            self.tell("no errors")
            return
        self.refresh_rows(path)

    def action_next_section(self, step: int) -> None:
        index = self.view.next_section(self.grid.cursor, step)
        if index is not None:
            self.grid.go(index)

    def action_info(self) -> None:
        from tui.app.screens.report import ReportScreen

        row = self.view.row_at(self.grid.cursor)
        if row is not None:
            self.app.push_screen(ReportScreen(row.title, self.doc))

    def close_filter(self) -> bool:
        """Show all rows again; whether a filter was open."""
        entry = self.query_one("#filter", Entry)
        if not entry.has_class("open"):
            return False
        entry.value = ""
        entry.remove_class("open")
        self.set_focus(self.grid)
        entry.can_focus = False
        return True
