"""The file as it would be saved, what that changes, the same as a command; saving and launching."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType

from tui.app.keys import bindings
from tui.app.screens.drafting import DraftScreen
from tui.app.screens.saving import Saver
from tui.app.widgets.keybar import KeyBar
from tui.app.widgets.lines import LineView
from tui.app.widgets.rows import RowList
from tui.forms.draft import Draft
from tui.forms.reviewing import TERMINAL_LIMIT, VIEWS, broken, command_text, problem_lines, written
from tui.text import clean_line


class ReviewScreen(DraftScreen):
    """Errors, then one of VIEWS. Needs nothing but a draft; dismissed with the path of a field to mend, or nothing."""

    CONTEXTS: ClassVar[tuple[str, ...]] = ("review", "list")
    AUTO_FOCUS = "#text"
    BINDINGS: ClassVar[list[BindingType]] = bindings("review")

    def __init__(self, draft: Draft) -> None:
        super().__init__(draft)
        self._saver = Saver(self)
        self._view = "file"
        self._notice = ""

    def compose(self) -> ComposeResult:
        yield LineView([()], id="title")
        yield RowList(id="text", cursor=False)
        yield KeyBar("review")

    def on_mount(self) -> None:
        self._show()

    def on_resize(self) -> None:
        self._show()

    def _show(self) -> None:
        self._draw_title()
        lines = [*problem_lines(self.draft), *VIEWS[self._view][1](self.draft)]
        width = self.columns - 1
        self.query_one("#text", RowList).show_lines([part for line in lines for part in broken(line, width)])

    def draw_standing(self) -> None:
        self._draw_title()

    def _draw_title(self) -> None:
        name = clean_line(str(self.draft.path or "not saved yet"))
        title = (
            (" ● " if self.draft.dirty else "   ", "warn"),
            ("Review  ", "title"),
            (name[-max(10, self.columns - 60) :], "strong"),
            ("  ", "text"),
            *self.standing(),
            (f"  {VIEWS[self._view][0]}", "dim"),
            (f"  {self._notice}", "warn"),
        )
        self.query_one("#title", LineView).set_lines([title])

    # ---------------------------------------------------------------- what saving and launching need

    def tell(self, notice: str) -> None:
        self._notice = notice
        self._draw_title()

    def changed(self, path: str | None) -> None:  # noqa: ARG002 - the whole is shown
        self._notice = ""
        self._show()

    def action_next_error(self) -> None:
        """Errors stand at the top."""
        self.query_one("#text", RowList).action_edge(-1)

    # ---------------------------------------------------------------- keys

    def action_view(self, name: str) -> None:
        """Show a view, or the file again."""
        self._view = "file" if self._view == name else name
        self._notice = ""
        self._show()
        self.query_one("#text", RowList).action_edge(-1)

    def action_copy(self) -> None:
        """The command while it is shown, else the whole file, to the terminal's clipboard."""
        text, what = (command_text(self.draft), "command") if self._view == "command" else (written(self.draft), "file")
        size = len(text.encode())
        if not text:
            self.tell("nothing to copy yet")
        elif size > TERMINAL_LIMIT:
            self.tell(f"{size} bytes are too many for a terminal's clipboard ({TERMINAL_LIMIT}); save the file instead")
        else:
            self.app.copy_to_clipboard(text)
            self.tell(f"{what} sent to the terminal's clipboard, {size} bytes; tmux needs `set -g set-clipboard on`")

    def action_mend(self) -> None:
        if self.draft.problems:
            self.dismiss(self.draft.problems[0].path)
        else:
            self.tell("no errors")

    def action_close(self) -> None:
        self.dismiss(None)

    def action_save(self) -> None:
        self._saver.save()

    def action_save_as(self) -> None:
        self._saver.save_as()

    def action_launch(self) -> None:
        self._saver.launch()
