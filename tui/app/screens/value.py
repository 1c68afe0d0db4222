"""Editing one value as a line of text, with the verdict under it while typing and completion for paths."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import ClassVar, Final

from textual import events
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Vertical
from textual.widgets import Input

from tui.app.background import in_background
from tui.app.keys import bindings
from tui.app.present import after_refresh, present
from tui.app.widgets.entry import Entry, TypeAhead
from tui.app.widgets.keybar import KeyLine
from tui.app.widgets.lines import LineView
from tui.forms.complete import common_start, complete_path
from tui.forms.listing import Listing
from tui.text import Line, clean_line

ROOM: Final = 10
"""Lines for completions; their number never changes while typing, so nothing moves."""
OTHER_LINES: Final = 9
"""Lines of the dialog that are no completions."""
PATIENCE: Final = 1.5
"""Seconds that a key waits for a slow directory; typing never does."""


class ValueScreen(TypeAhead[str]):
    """Dismissed with the text, or None when cancelled. ``judge`` says what would be wrong with a text.

    With ``base`` it is a path: completions are listed below, Tab completes what they have in common, ↓ marks one.
    ``nudge`` gives the next value up or down, where there is one.
    """

    CONTEXTS: ClassVar[tuple[str, ...]] = ("editor",)
    AUTO_FOCUS = "#value"
    BINDINGS: ClassVar[list[BindingType]] = bindings("editor")
    DEFAULT_CSS = """
    ValueScreen { .dialog { width: 100; max-width: 100%; } #verdict { height: 2; } }
    """

    def __init__(
        self,
        title: str,
        text: str,
        *,
        hint: str = "",
        judge: Callable[[str], str] = lambda _text: "",
        nudge: Callable[[str, int], str | None] = lambda _text, _step: None,
        provider: str | None = None,
        base: Path | None = None,
        strict: bool = False,
    ) -> None:
        """``strict``: a text that ``judge`` finds wrong is not taken, and the screen stays open."""
        super().__init__()
        self._title, self._text, self._hint, self._judge, self._nudge = title, text, hint, judge, nudge
        self._provider = provider
        self._base = base
        self._strict = strict
        self._listing = Listing([])
        self._wanted: str | None = None
        self._listed: str | None = None
        self._looking = False
        self._caught_up = asyncio.Event()

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog"):
            yield LineView([((clean_line(self._title), "title"),), ((self._hint, "dim"),)])
            yield Entry(self._text, id="value")
            yield LineView([()], id="verdict")
            if self._base is not None:
                yield LineView([()], id="candidates")
            yield KeyLine("editor")

    def on_mount(self) -> None:
        self._arrange()
        self._verdict(self._text)
        self._look_up(self._text)

    def on_resize(self) -> None:
        self._arrange()
        after_refresh(self, self._draw_candidates)

    def on_input_changed(self, event: Input.Changed) -> None:
        self._verdict(event.value)
        self._look_up(event.value)

    def entered(self) -> None:
        """Enter comes through the input, behind whatever was typed before it."""
        self.action_accept()

    # ---------------------------------------------------------------- keys

    def action_accept(self) -> None:
        if self._take():
            return
        value = self.query_one(Entry).value
        if self._strict and self._judge(value):
            self._verdict(value)
        else:
            self.dismiss(value)

    def action_cancel(self) -> None:
        self.dismiss(None)

    async def action_complete(self) -> None:
        """What is marked, else what all completions have in common."""
        if self._base is None or self._take():
            return
        entry = self.query_one(Entry)
        self._look_up(entry.value)
        try:
            await asyncio.wait_for(self._caught_up.wait(), PATIENCE)
        except TimeoutError:
            return
        self._type(common_start(self._listing.found, entry.value))

    def action_next(self, step: int) -> None:
        """Mark another completion, or take the next value up or down."""
        if self._base is not None:
            self._listing.move(step)
            self._draw_candidates()
        elif (value := self._nudge(self.query_one(Entry).value, -step)) is not None:
            self._type(value)

    def on_click(self, event: events.Click) -> None:
        """A click on a completion takes it."""
        if self._base is None or event.widget is not self.query_one("#candidates"):
            return
        height = self._room()
        first = self._listing.first(height) if len(self._listing.found) > height else 0
        if first + event.y < len(self._listing.found):
            self._type(self._listing.found[first + event.y])

    def _take(self) -> bool:
        """Type what is marked; whether something was."""
        chosen = self._listing.chosen
        if chosen is None:
            return False
        self._type(chosen)
        return True

    def _type(self, text: str) -> None:
        entry = self.query_one(Entry)
        entry.value = text
        entry.cursor_position = len(text)

    # ---------------------------------------------------------------- drawing

    def _arrange(self) -> None:
        if self._base is not None:
            self.query_one("#candidates").styles.height = self._room()

    def _room(self) -> int:
        return max(1, min(ROOM, self.app.size.height - OTHER_LINES))

    def _verdict(self, text: str) -> None:
        problem = self._judge(text)
        lines: list[Line] = [((clean_line(line), "bad"),) for line in problem.splitlines()[:2]]
        self.query_one("#verdict", LineView).set_lines(lines or [(("✔", "good"),)])

    def _look_up(self, text: str) -> None:
        """List completions in a thread, one look at a time: a slow directory must not hold up typing."""
        if self._base is None or text == self._wanted:
            return
        self._wanted = text
        self._caught_up.clear()
        if not self._looking:
            self._looking = True
            self.run_worker(self._look(self._base), group="complete")

    async def _look(self, base: Path) -> None:
        while (text := self._wanted) is not None and text != self._listed:
            found = await in_background(lambda text=text: complete_path(text, self._provider, base))  # type: ignore[misc]
            self._listed, self._listing = text, Listing(found)
        self._looking = False
        self._caught_up.set()
        self._draw_candidates()

    def _draw_candidates(self) -> None:
        if self._base is not None and present(self) and self._listed is not None:
            view = self.query_one("#candidates", LineView)
            view.set_lines(self._listing.lines(self._room(), view.size.width or 60))
