"""The steps of the guide and how far each is: a column beside the step, or one line above it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from textual import events
from textual.message import Message

from tui.app.widgets.lines import LineView
from tui.guide.state import SIGNS, STYLES, StepState
from tui.text import Line, fit, width_of

COLUMN: Final = 100
"""From this width of the screen on the steps stand in a column."""
WORDS: Final = 160
"""From this width on they say in words how far they are."""
NARROW, WIDE = 24, 56
"""Columns of the rail without and with words."""
HEAD: Final = 2
"""Lines above the first step of the column."""


@dataclass(frozen=True, slots=True)
class Mark:
    """One step on the rail."""

    id: str
    title: str
    state: StepState
    current: bool


def rail_columns(width: int) -> int:
    """How many columns the rail takes of a screen of ``width``."""
    return WIDE if width >= WORDS else NARROW if width >= COLUMN else 0


class StepRail(LineView):
    """Draws the marks it is given; a click on one is a message."""

    DEFAULT_CSS = """
    StepRail { dock: top; width: 100%; height: 1; background: $panel; }
    StepRail.column { dock: left; width: 24; height: 100%; padding: 0 1; }
    StepRail.words { width: 56; }
    StepRail:ansi { background: ansi_default; }
    """

    class Chosen(Message):
        """A step was clicked."""

        def __init__(self, step: str) -> None:
            super().__init__()
            self.step = step

    def __init__(self) -> None:
        super().__init__([()], id="rail")
        self._marks: Sequence[Mark] = ()

    def update_marks(self, marks: Sequence[Mark], width: int) -> None:
        """Show the marks on a screen of ``width`` columns."""
        self._marks = marks
        self.set_class(width >= COLUMN, "column")
        self.set_class(width >= WORDS, "words")
        self.set_lines(column(marks, rail_columns(width) - 2) if width >= COLUMN else [row(marks, width)])

    def on_click(self, event: events.Click) -> None:
        found = self._at(event.y - HEAD) if self.has_class("column") else self._along(event.x)
        if found is not None:
            self.post_message(self.Chosen(found.id))

    def _at(self, index: int) -> Mark | None:
        return self._marks[index] if 0 <= index < len(self._marks) else None

    def _along(self, x: int) -> Mark | None:
        end = 0
        for index, mark in enumerate(self._marks):
            end += width_of(_short(index, mark))
            if x < end:
                return mark
        return None


def column(marks: Sequence[Mark], width: int) -> list[Line]:
    """One line per step."""
    lines: list[Line] = [(("Guide", "title"), ("  1-0, Tab, S-Tab", "dim")), ()]
    for index, mark in enumerate(marks):
        sign, words = SIGNS[mark.state.mark], mark.state.words if width > 30 else ""
        name = f"{_digit(index)} {{}} {mark.title}"
        if mark.current:
            lines.append(((fit(f"{name.format(sign):<22}{words}", width), "cursor"),))
            continue
        head: Line = (
            (f"{_digit(index)} ", "key"),
            (f"{sign} ", STYLES[mark.state.mark]),
            (f"{mark.title:<18}", "text"),
        )
        lines.append((*head, (fit(words, width - 22), "dim")) if words else head)
    return lines


def row(marks: Sequence[Mark], width: int) -> Line:
    """All steps on one line, the current one by name."""
    return tuple(span for index, mark in enumerate(marks) for span in _short(index, mark, width >= 60))


def _short(index: int, mark: Mark, roomy: bool = True) -> Line:
    sign = SIGNS[mark.state.mark]
    if mark.current:
        return ((f" {_digit(index)}{sign} {mark.title} " if roomy else f" {_digit(index)}{sign} ", "cursor"),)
    return ((f" {_digit(index)}", "key"), (f"{sign} ", STYLES[mark.state.mark]))


def _digit(index: int) -> str:
    return str((index + 1) % 10)
