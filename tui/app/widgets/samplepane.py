"""Validation samples as pictures made of half blocks, one sample at several steps side by side."""

from __future__ import annotations

import os
import textwrap
from pathlib import Path
from typing import ClassVar

from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.binding import BindingType
from textual.message import Message
from textual.strip import Strip
from typing_extensions import override

from tui.app.keys import bindings
from tui.app.typing import act_here
from tui.app.widgets.lines import Styled
from tui.monitor.gallery import Gallery, Sample
from tui.monitor.plan import Plan
from tui.monitor.posters import Colour, Poster, open_picture, poster
from tui.terminal import ascii_only
from tui.text import Line, clean_line, fit, width_of

GAP = 2
SMALLEST = 16
"""Cells that a picture should have across before a second one comes beside it."""


class SamplePane(Styled, can_focus=True):
    """Shows one sample of a Gallery: what was asked for, its pictures by step, where its file is."""

    CONTEXT: ClassVar[str] = "samples"
    BINDINGS: ClassVar[list[BindingType]] = bindings("samples")
    DEFAULT_CSS = """
    SamplePane { height: 1fr; width: 1fr; }
    """

    class Said(Message):
        """Something to be told about the samples."""

        def __init__(self, words: str) -> None:
            super().__init__()
            self.words = words

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id)
        self.compact = False
        """Only the pictures, in the little room beside something else."""
        self._rows: dict[int, list[Sample]] = {}
        self._plan = Plan()
        self._which = 0
        self._back = 0
        """How many steps before the newest one."""
        self._posters: dict[tuple[str, int, int], Poster | None] = {}
        self._strips: list[Strip] = []
        self._shown: tuple[object, ...] = ()

    async def on_key(self, event: events.Key) -> None:
        await act_here(event, self, self.screen)

    def on_resize(self) -> None:
        self._update()

    def follow(self, gallery: Gallery, plan: Plan) -> None:
        """Show what is new."""
        state = (gallery.count, {index: row[-1] for index, row in gallery.by_index.items() if row}, plan)
        if state != self._shown:
            self._shown = state
            self._rows = {index: gallery.row(index) for index in gallery.indexes}
            self._plan = plan
            self._update()

    # ---------------------------------------------------------------- what is chosen

    @property
    def _row(self) -> list[Sample]:
        indexes = list(self._rows)
        return self._rows[indexes[self._which % len(indexes)]] if indexes else []

    @property
    def current(self) -> Sample | None:
        """The chosen sample."""
        row = self._row
        return row[-1 - min(self._back, len(row) - 1)] if row else None

    def beside(self, count: int) -> list[Sample]:
        """The chosen sample at the end of at most ``count``: the first one made, then those before the chosen one."""
        row = self._row
        upto = row[: len(row) - min(self._back, len(row) - 1)] if row else []
        if len(upto) <= count or count < 2:
            return upto[-count:]
        return [upto[0], *upto[-(count - 1) :]]

    def action_step(self, by: int) -> None:
        self._back = min(max(0, self._back - by), max(0, len(self._row) - 1))
        self._update()

    def action_prompt(self, by: int) -> None:
        self._which += by
        self._back = min(self._back, max(0, len(self._row) - 1))
        self._update()

    def action_full(self) -> None:
        """Leave the terminal to the picture for a while."""
        from textual.app import SuspendNotSupported

        from tui.monitor.contact import show_full

        if self.current is None:
            return
        words = clean_line(f"step {self.current.step}  {self.current.prompt}")
        try:
            with self.app.suspend():
                complaint = show_full(self.beside(4), words)
        except SuspendNotSupported:
            complaint = "the application cannot be left from here"
        self.screen.refresh(repaint=True, layout=True)
        if complaint:
            self.post_message(self.Said(complaint))

    # ---------------------------------------------------------------- drawing

    def _update(self) -> None:
        """Decide which pictures are wanted, have the missing ones read, and draw what is there."""
        width, height = self.size.width, self.size.height
        if width < 1 or height < 1 or not self.is_mounted:
            return
        words = self._words(width, height)
        room = height - len(words) - 1
        chosen = self.beside(max(1, (width + GAP) // (SMALLEST + GAP)))
        across = (width + GAP) // max(1, len(chosen)) - GAP
        if room >= 2 and across >= 2:
            missing = [one.poster for one in chosen if one.poster and (one.poster, across, room) not in self._posters]
            if missing:
                self.run_worker(lambda: self._read(missing, across, room), thread=True, group="posters")
        lines = [self.strip_of(line, width) for line in words]
        self._strips = lines + (self._pictures(chosen, across, room) if room >= 2 and across >= 2 else [])
        self.refresh()

    def _words(self, width: int, height: int) -> list[Line]:
        """Prompt, conditions and path, as far as there is room."""
        sample = self.current
        if sample is None:
            return [((fit("no samples yet", width), "dim"),)]
        number, count = list(self._rows).index(sample.index) + 1, len(self._rows)
        prompt = clean_line(sample.prompt) or "(no prompt)"
        start: Line = ((f"sample {number}/{count} ", "title"), (f"step {sample.step} ", "strong"))
        if self.compact or height < 12:
            return [(*start, (prompt, "text"))]
        planned = self._plan.samples[sample.index] if sample.index < len(self._plan.samples) else None
        given = ", ".join(planned.conditions) if planned is not None and planned.conditions else "the prompt alone"
        first, *more = textwrap.wrap(prompt, width, initial_indent=" " * width_of(start)) or [""]
        lines: list[Line] = [(*start, (first.lstrip(), "text"))]
        if more:
            lines.append(((fit(" ".join(more), width), "text"),))
        lines.append((("from ", "dim"), (given, "text")))
        lines.append((("file ", "dim"), (fit(clean_line(sample.path), max(1, width - 5), keep_end=True), "accent")))
        return lines

    def _read(self, paths: list[str], across: int, room: int) -> None:
        """Thread: decode pictures; one that cannot be read is remembered as such."""
        colours = not (ascii_only() or os.environ.get("NO_COLOR"))
        for path in paths:
            made: Poster | None
            try:
                made = poster(open_picture(Path(path)), across, room, colours=colours)
            except (OSError, ValueError):
                made = None
            while len(self._posters) > 64:
                self._posters.pop(next(iter(self._posters)))
            self._posters[path, across, room] = made
        self.call_later(self._update)

    def _pictures(self, chosen: list[Sample], across: int, room: int) -> list[Strip]:
        """Posters side by side with their steps under them."""
        if not chosen:
            return []
        strips = []
        posters = [self._posters.get((sample.poster, across, room)) for sample in chosen]
        used = max((len(one.rows) for one in posters if one is not None), default=1)
        for y in range(used):
            parts: list[Segment] = []
            for one, sample in zip(posters, chosen, strict=True):
                parts += self._picture_row(one, sample, y, across)
                parts.append(Segment(" " * GAP, self.rich_style))
            strips.append(Strip(parts).adjust_cell_length(self.size.width, self.rich_style))
        labels: list[tuple[str, str]] = []
        for sample in chosen:
            style = "strong" if sample == self.current else "dim"
            labels += [(fit(f"step {sample.step}", across), style), (" " * GAP, "text")]
        return [*strips, self.strip_of(tuple(labels), self.size.width)]

    def _picture_row(self, one: Poster | None, sample: Sample, y: int, across: int) -> list[Segment]:
        if one is None:
            known = any(path == sample.poster for path, _, _ in self._posters)
            words = "sound only" if not sample.poster else "picture cannot be read" if known else "reading"
            return [Segment(fit(words if y == 0 else "", across), self.style_of("dim"))]
        if y >= len(one.rows):
            return [Segment(" " * across, self.rich_style)]
        cells = [Segment(char, self._cell_style(front, back)) for char, front, back in one.rows[y]]
        return [*Segment.simplify(cells), Segment(" " * (across - len(one.rows[y])), self.rich_style)]

    def _cell_style(self, front: Colour | None, back: Colour | None) -> Style:
        if front is None or back is None:
            return self.style_of("text")
        return Style(color=f"rgb({front[0]},{front[1]},{front[2]})", bgcolor=f"rgb({back[0]},{back[1]},{back[2]})")

    @override
    def render_line(self, y: int) -> Strip:
        if y < len(self._strips):
            return self._strips[y].adjust_cell_length(self.size.width, self.rich_style)
        return Strip.blank(self.size.width, self.rich_style)
