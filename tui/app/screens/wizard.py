"""The wizard: a property grid over a draft, one editor at a time, everything judged at every change."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar, Final

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal
from textual.screen import Screen
from textual.widgets import Input

from tui.app.keys import bindings
from tui.app.screens.confirm import ConfirmScreen
from tui.app.screens.editing import open_editor
from tui.app.screens.saving import Saver
from tui.app.screens.weighing import Weigher
from tui.app.widgets.entry import Entry
from tui.app.widgets.keybar import KeyBar
from tui.app.widgets.lines import LineView
from tui.app.widgets.rows import RowList
from tui.forms import edits
from tui.forms.doc import doc_lines
from tui.forms.draft import Draft
from tui.forms.grid import GridView, grid_line
from tui.text import Line

WIDE: Final = 110
"""From this width on the documentation stands beside the grid."""


class WizardScreen(Screen[None]):
    """Every field of the configuration is a row; nothing is ever blocked but training with errors."""

    CONTEXTS: ClassVar[tuple[str, ...]] = ("grid", "list")
    AUTO_FOCUS = "#grid"
    BINDINGS: ClassVar[list[BindingType]] = bindings("grid")
    DEFAULT_CSS = """
    WizardScreen {
        #body { height: 1fr; }
        #doc { height: 7; border-top: solid $primary; padding: 0 1; }
        #doc-side { width: 46; height: 1fr; border-left: solid $primary; padding: 0 1; }
        #filter { display: none; }
        #filter.open { display: block; }
    }
    """

    def __init__(self, draft: Draft, *, notes: tuple[str, ...] = (), vram: float | None = None) -> None:
        """``vram`` is the card's memory in GB; without it the card of this machine counts."""
        super().__init__()
        self.draft = draft
        self.view = GridView(draft)
        self._notice = "; ".join(notes)
        self._saver = Saver(self)
        self._weigher = Weigher(self, self._draw_title, vram=vram)

    def compose(self) -> ComposeResult:
        yield LineView([()], id="title")
        yield Entry(placeholder="find a field by name or text", id="filter")
        with Horizontal(id="body"):
            yield RowList(id="grid")
            yield LineView([()], id="doc-side")
        yield LineView([()], id="doc")
        yield KeyBar("grid")

    def on_mount(self) -> None:
        self.query_one("#filter", Entry).can_focus = False  # hidden until asked for
        self._arrange()
        self.refresh_rows()

    def on_resize(self) -> None:
        self._arrange()
        self._describe()

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
            self._describe()
        else:
            self.grid.show(
                len(self.view.rows),
                lambda index, width, current: grid_line(self.view, index, width, current),
                selectable=lambda index: self.view.rows[index].selectable,
                cursor=cursor,
            )
        self._draw_title()
        self._weigher.look(self.draft.data)

    def tell(self, notice: str) -> None:
        """Say something on the title line until the next change."""
        self._notice = notice
        self._draw_title()

    def _draw_title(self) -> None:
        count = len(self.draft.problems)
        name = str(self.draft.path) if self.draft.path is not None else f"new from {self.draft.preset or 'nothing'}"
        errors = (f"{count} {'error' if count == 1 else 'errors'}", "bad") if count else ("valid", "good")
        line: list[tuple[str, str]] = [
            (" ● " if self.draft.dirty else "   ", "warn"),
            (name[-max(10, self.size.width - 40) :], "strong"),
            ("  ", "text"),
            errors,
        ]
        fit = self._weigher.fit
        if fit is not None and not count:
            line.append(("  " + fit.short(), "good" if fit.fits else "bad"))
        marks = [text for on, text in self.view.modes() if on]
        if marks:
            line.append(("  " + ", ".join(marks), "accent"))
        if self._notice:
            line.append(("  " + self._notice, "warn"))
        self.query_one("#title", LineView).set_lines([tuple(line)])

    def _describe(self) -> None:
        side = self.query_one("#doc-side", LineView)
        pane = side if side.display else self.query_one("#doc", LineView)
        if not pane.display:
            return
        row = self.view.row_at(self.grid.cursor)
        problems = self.view.problems_of(row) if row is not None else ()
        form = tuple(problem for problem in self.draft.problems if not problem.path)
        lines: list[Line] = doc_lines(row, (*form, *problems), pane.content_size.width or self.size.width - 2)
        pane.set_lines(lines[: max(1, pane.content_size.height)])

    def _arrange(self) -> None:
        wide = self.size.width >= WIDE
        self.query_one("#doc-side").display = wide
        self.query_one("#doc").display = not wide and self.size.height >= 16
        self.query_one(KeyBar).display = self.size.height >= 4

    def on_row_list_moved(self) -> None:
        self._describe()

    def on_row_list_chosen(self) -> None:
        self.action_edit()

    # ---------------------------------------------------------------- changing

    def changed(self, path: str | None) -> None:
        """An editor or a key has changed the draft."""
        self._notice = ""
        self.refresh_rows(path)

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

    def action_filter(self) -> None:
        entry = self.query_one("#filter", Entry)
        entry.can_focus = True
        entry.add_class("open")
        self.set_focus(entry)

    def on_input_changed(self, event: Input.Changed) -> None:
        self.view.words = event.value
        self.view.rebuild()
        self.refresh_rows(self.view.best_match())

    def on_input_submitted(self) -> None:
        """Enter goes to the rows; a second one typed before that happened is meant for the row."""
        if self.focused is self.grid:
            self.action_edit()
        else:
            self.set_focus(self.grid)

    def action_advanced(self) -> None:
        self.view.advanced = not self.view.advanced
        self.refresh_rows()

    def action_only_errors(self) -> None:
        self.view.only_errors = not self.view.only_errors
        self.refresh_rows()

    def action_only_changed(self) -> None:
        self.view.only_changed = not self.view.only_changed
        self.refresh_rows()

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

    def action_clear(self) -> None:
        entry = self.query_one("#filter", Entry)
        if entry.has_class("open"):
            entry.value = ""
            entry.remove_class("open")
            self.set_focus(self.grid)
            entry.can_focus = False
        else:
            self.action_close()

    # ---------------------------------------------------------------- leaving

    def action_memory(self) -> None:
        from tui.app.screens.report import ReportScreen

        fit = self._weigher.fit
        lines = list(fit.lines()) if fit is not None else ["known as soon as the configuration is valid"]
        self.app.push_screen(ReportScreen("Memory", lines))

    def action_review(self) -> None:
        from tui.app.screens.review import ReviewScreen

        self.app.push_screen(ReviewScreen(self.draft, self._saver))

    def action_save(self) -> None:
        self._saver.save()

    def action_launch(self) -> None:
        self._saver.launch()

    def action_close(self) -> None:
        def answered(yes: bool | None) -> None:
            if yes:
                self._leave()

        if self.draft.dirty and (self.draft.can_undo or self.draft.document is not None):
            self.app.push_screen(ConfirmScreen("Leave without saving?", "The changes would be lost."), answered)
        else:
            self._leave()

    def _leave(self) -> None:
        if len(self.app.screen_stack) > 2:
            self.dismiss(None)
        else:
            self.app.exit(0)


def open_draft(path: Path) -> tuple[Draft, tuple[str, ...]]:
    """A draft of a file in current keys, and what was read from older ones. Raises ConfigError for no YAML."""
    from schemas.legacy import migrate

    draft = Draft.open(path)
    migration = migrate(draft.data)
    if migration.notes and not migration.problems and draft.migrate(migration.data):
        return draft, tuple(str(note) for note in migration.notes)
    return draft, ()
