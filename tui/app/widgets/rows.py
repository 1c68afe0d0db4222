"""A list of lines with a cursor that repaints two lines per move."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import ClassVar, Final

from textual import events
from textual.binding import BindingType
from textual.geometry import Size
from textual.message import Message
from textual.scroll_view import ScrollView
from textual.strip import Strip
from typing_extensions import override

from tui.app.keys import bindings
from tui.app.typing import act_here, hand_on
from tui.app.widgets.lines import Styled
from tui.text import Line

WHEEL: Final = 3
"""Lines per notch of the mouse wheel."""


class RowList(Styled, ScrollView, can_focus=True):
    """Rows drawn on demand by ``draw(index, width, current)``; some rows may be headings that cannot be chosen."""

    BINDINGS: ClassVar[list[BindingType]] = bindings("list")
    DEFAULT_CSS = """
    RowList { height: 1fr; width: 1fr; scrollbar-size-vertical: 1; scrollbar-size-horizontal: 0; }
    """

    class Moved(Message):
        """The cursor stands on another row."""

        def __init__(self, rows: RowList, index: int | None) -> None:
            super().__init__()
            self.rows = rows
            self.index = index

        @property
        def control(self) -> RowList:
            return self.rows

    class Chosen(Message):
        """A row was clicked while the cursor stood on it."""

        def __init__(self, rows: RowList, index: int) -> None:
            super().__init__()
            self.rows = rows
            self.index = index

        @property
        def control(self) -> RowList:
            return self.rows

    def __init__(self, *, id: str | None = None, cursor: bool = True, tail: bool = False, label: str = "") -> None:  # noqa: A002
        """``tail``: when the end is in sight it stays so, also when the height changes.

        ``label`` stands at the right of the first line, where several lists share the screen.
        """
        super().__init__(id=id)
        self._label = f" {label} " if label else ""
        self._tail = tail
        self._height = 0
        """Lines in sight when the place in the list was chosen."""
        self._count = 0
        self._draw: Callable[[int, int, bool], Line] = lambda _index, _width, _current: ()
        self._selectable: Callable[[int], bool] = lambda _index: True
        self._follow: Callable[[], None] = lambda: None
        self._with_cursor = cursor
        self.cursor: int | None = None

    @property
    def count(self) -> int:
        """How many rows there are."""
        return self._count

    def show(
        self,
        count: int,
        draw: Callable[[int, int, bool], Line],
        *,
        selectable: Callable[[int], bool] = lambda _index: True,
        cursor: int | None = None,
        follow: Callable[[], None] = lambda: None,
    ) -> None:
        """Show other rows; the cursor goes to ``cursor`` or the nearest row that can be chosen.

        ``follow`` is called at once when the cursor stands elsewhere, so that what it changes is painted with the move;
        the message ``Moved`` comes a little later.
        """
        self._count, self._draw, self._selectable, self._follow = count, draw, selectable, follow
        self.virtual_size = Size(self.size.width, count)
        self.cursor = self._nearest(cursor if cursor is not None else self.cursor or 0)
        self.refresh()
        self.call_after_refresh(self.keep_cursor_visible)
        self._follow()
        self.post_message(self.Moved(self, self.cursor))

    def show_lines(self, lines: Sequence[Line]) -> None:
        """Show fixed lines."""
        fixed = list(lines)

        def draw(index: int, _width: int, current: bool) -> Line:
            line = fixed[index]
            return tuple((text, "cursor") for text, _ in line) if current else line

        self.show(len(fixed), draw)

    def redraw(self, *indexes: int) -> None:
        """Repaint some rows, or all of them."""
        if not indexes:
            self.refresh()
        for index in indexes:
            self.refresh_line(index)

    def go(self, index: int) -> None:
        """Put the cursor on a row, or on the nearest one that can be chosen."""
        target = self._nearest(index)
        if target is None or target == self.cursor:
            return
        before, self.cursor = self.cursor, target
        for row in (before, target):
            if row is not None:
                self.refresh_line(row)
        self.keep_cursor_visible()
        self._follow()
        self.post_message(self.Moved(self, target))

    @property
    def at_end(self) -> bool:
        """True when the last row is in sight, so that new rows should stay in sight too."""
        height = max(self.size.height, self._height) if self._tail else self.size.height
        return self.scroll_offset.y >= self._count - max(1, height)

    def scroll_to_end(self) -> None:
        """Show the last row, now."""
        self.scroll_to(y=max(0, self._count - self.size.height), animate=False, immediate=True, force=True)

    def keep_cursor_visible(self) -> None:
        """Scroll by half a page when the cursor leaves the lines in sight: all is repainted at few moves, not at each.

        Headings right above the first choosable row come along.
        """
        height = self.size.height
        if self.cursor is None or not height:
            return
        first = 0 if self._nearest(0) == self.cursor else self.cursor
        top = self.scroll_offset.y
        if first < top or self.cursor >= top + height:
            wanted = first - height // 2 if first < top else self.cursor - height // 2
            self.scroll_to(y=max(0, wanted), animate=False, immediate=True, force=True)

    def action_move(self, lines: int) -> None:
        if self.cursor is None:
            self.scroll_relative(y=lines, animate=False, immediate=True, force=True)
            return
        index = self.cursor + lines
        while 0 <= index < self._count and not self._selectable(index):
            index += lines
        if 0 <= index < self._count:
            self.go(index)
        elif lines < 0:
            self.scroll_home(animate=False, immediate=True)

    def action_page(self, pages: int) -> None:
        lines = pages * max(1, self.size.height - 1)
        if self.cursor is None:
            self.scroll_relative(y=lines, animate=False, immediate=True, force=True)
        else:
            self.go(min(self._count - 1, max(0, self.cursor + lines)))

    def action_edge(self, side: int) -> None:
        if self.cursor is None:
            self.scroll_to(y=0 if side < 0 else self._count, animate=False, immediate=True, force=True)
        else:
            self.go(0 if side < 0 else self._count - 1)

    async def on_key(self, event: events.Key) -> None:
        """Act now; a key typed ahead, when an earlier one has already moved the focus, goes where the focus is."""
        screen = self.app.screen
        if screen is not self.screen:
            hand_on(event, screen.focused or screen)
        elif screen.focused not in (self, None):
            hand_on(event, screen.focused)
        else:
            await act_here(event, self, self.screen, self.app)

    def on_click(self, event: events.Click) -> None:
        index = event.y + self.scroll_offset.y
        if not self._with_cursor or not (0 <= index < self._count and self._selectable(index)):
            return
        if index == self.cursor:
            self.post_message(self.Chosen(self, index))
        self.go(index)

    def on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        self._wheel(event, WHEEL)

    def on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        self._wheel(event, -WHEEL)

    def _wheel(self, event: events.MouseEvent, lines: int) -> None:
        """Textual's own handlers want a scroll bar on the screen."""
        event.stop()
        event.prevent_default()
        self.scroll_relative(y=lines, animate=False, immediate=True, force=True)

    def on_resize(self) -> None:
        at_end = self._tail and self.at_end
        self._height = self.size.height
        self.virtual_size = Size(self.size.width, self._count)
        if at_end:
            self.call_after_refresh(self.scroll_to_end)
        self.call_after_refresh(self.keep_cursor_visible)

    @override
    def render_line(self, y: int) -> Strip:
        index = y + self.scroll_offset.y
        width = self.size.width
        if not 0 <= index < self._count or width < 1:
            return Strip.blank(width, self.rich_style)
        room = width - len(self._label) if y == 0 and width > 2 * len(self._label) else width
        line = self._draw(index, room, index == self.cursor)
        if room == width:
            return self.strip_of(line, width)
        return Strip.join([self.strip_of(line, room), self.strip_of(((self._label, "title"),), width - room)])

    def _nearest(self, index: int) -> int | None:
        """The choosable row at or after ``index``, else the last one before it."""
        if not self._with_cursor or not self._count:
            return None
        index = min(max(0, index), self._count - 1)
        after = next((row for row in range(index, self._count) if self._selectable(row)), None)
        if after is not None:
            return after
        return next((row for row in range(index, -1, -1) if self._selectable(row)), None)
