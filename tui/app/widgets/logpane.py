"""The log of the trainer: levels, and looking for words."""

from __future__ import annotations

from typing import ClassVar

from textual.binding import BindingType
from textual.message import Message

from tui.app.keys import bindings
from tui.app.screens.value import ValueScreen
from tui.app.widgets.rows import RowList
from tui.monitor.logtail import LEVELS, LogLine, LogTail, found_at, matching
from tui.text import Line, fit

STYLES = ("text", "warn", "bad")


class LogPane(RowList):
    """Shows a LogTail; stays at its end until it is scrolled away from there."""

    CONTEXT: ClassVar[str] = "log"
    BINDINGS: ClassVar[list[BindingType]] = bindings("log")

    class Said(Message):
        """Something to be told about the log."""

        def __init__(self, words: str) -> None:
            super().__init__()
            self.words = words

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id, cursor=False, tail=True, label="log")
        self.needle = ""
        self.level = 0
        self.found: int | None = None
        """The line that a search stands on."""
        self._lines: list[LogLine] = []
        self._all: list[LogLine] = []
        self._seen = -1

    @property
    def found_line(self) -> str:
        """The text of the line a search stands on; empty without one."""
        return self._lines[self.found].text if self.found is not None and self.found < len(self._lines) else ""

    def follow(self, log: LogTail) -> None:
        """Show what is new."""
        if log.counter == self._seen:
            return
        self._seen = log.counter
        self._all = list(log.lines)
        self._refill()

    def again(self) -> None:
        """Show everything anew at the next look, as after a change of size."""
        self._seen = -1

    def _refill(self) -> None:
        at_end = self.at_end
        self._lines = matching(self._all, self.level)
        if not self._lines:
            nothing = "nothing printed yet" if not self.level else f"no {LEVELS[self.level]}"
            self.show_lines([((nothing, "dim"),)])
            return
        self.show(len(self._lines), self._line)
        if at_end:
            self.scroll_to_end()

    def _line(self, index: int, width: int, _current: bool) -> Line:
        line = self._lines[index]
        style, text = STYLES[line.level], fit(line.text, width).rstrip()
        if not found_at([line], self.needle):
            return ((text, style),)
        mark = "cursor" if index == self.found else "key"
        return highlighted(text, self.needle, style, mark)

    def action_search(self) -> None:
        def answered(text: str | None) -> None:
            if text is None:
                return
            self.needle, self.found = text, None
            self.action_find(-1)

        hint = "capital letters count only when there are some; empty ends the search"
        self.app.push_screen(ValueScreen("Find in the log", self.needle, hint=hint), answered)

    def action_find(self, direction: int) -> None:
        """Go to the next line that holds the words, around the end; the newest one comes first."""
        places = found_at(self._lines, self.needle)
        self.refresh()
        if not places:
            self.found = None
            self.post_message(self.Said(f"not in the log: {self.needle}" if self.needle else "nothing to look for"))
            return
        if direction > 0:
            self.found = next((place for place in places if self.found is not None and place > self.found), places[0])
        else:
            before = [place for place in places if self.found is None or place < self.found]
            self.found = before[-1] if before else places[-1]
        middle = max(0, self.found - self.size.height // 2)
        self.scroll_to(y=middle, animate=False, immediate=True, force=True)
        self.post_message(self.Said(f"{places.index(self.found) + 1} of {len(places)} lines with {self.needle}"))

    def action_level(self) -> None:
        self.level, self.found = (self.level + 1) % len(LEVELS), None
        self._refill()
        self.scroll_to_end()
        self.post_message(self.Said(f"log: {LEVELS[self.level]}, {len(self._lines)} lines"))

    def leave(self) -> bool:
        """End the search, or else the choice of a level; False when there was neither."""
        if self.needle:
            self.needle, self.found = "", None
            self.refresh()
        elif self.level:
            self.level = 0
            self._refill()
        else:
            return False
        return True


def highlighted(text: str, needle: str, style: str, mark: str) -> Line:
    """A line with every occurrence of ``needle`` in another style."""
    exact = needle != needle.lower()
    line: list[tuple[str, str]] = []
    start = 0
    searched = text if exact else text.lower()
    while (place := searched.find(needle, start)) >= 0 and len(searched) == len(text):
        line += [(text[start:place], style), (text[place : place + len(needle)], mark)]
        start = place + len(needle)
    return (*line, (text[start:], style))
