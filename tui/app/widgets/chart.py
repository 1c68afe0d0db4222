"""A chart of some curves that repaints only the cells that came out different."""

from __future__ import annotations

from typing import ClassVar

from rich.segment import Segment
from textual import events
from textual.message import Message
from textual.strip import Strip
from typing_extensions import override

from tui.app.widgets.lines import Styled, changed_regions
from tui.charts.lines import AXIS, ChartOptions, Sheet, chart_lines
from tui.charts.plot import Plot
from tui.text import Line

NOTHING = Sheet("", ())


class Chart(Styled):
    """Title line, plot, x axis. ``update_chart`` draws anew and repaints what changed."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {"line--curve2", "line--curve3", "line--curve4"}
    DEFAULT_CSS = """
    Chart {
        height: 1fr; width: 1fr; min-height: 1;
        .line--curve2 { color: $text-warning; }
        .line--curve3 { color: $text-success; }
        .line--curve4 { color: $text-error; }
    }
    """

    class Pointed(Message):
        """A column was clicked."""

        def __init__(self, step: int) -> None:
            super().__init__()
            self.step = step

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id)
        self.sheet = NOTHING
        self._options = ChartOptions()
        self._plot = Plot()
        self._rows: list[Line] = []

    @property
    def plain(self) -> str:
        """What is shown, without styles."""
        return "\n".join("".join(text for text, _ in row) for row in self._rows)

    @property
    def steps_per_cell(self) -> float:
        """How many steps a column of cells covers."""
        return self._options.window.steps / max(1, self.size.width - AXIS)

    def update_chart(self, sheet: Sheet, options: ChartOptions) -> None:
        """Show the present state of some curves."""
        self.sheet, self._options = sheet, options
        self._redraw()

    def on_resize(self) -> None:
        self._redraw()

    def on_click(self, event: events.Click) -> None:
        view = self._plot.view
        if view is not None and 0 <= event.x - AXIS < view.columns:
            self.post_message(self.Pointed(view.step_of(event.x - AXIS)))

    def _redraw(self) -> None:
        old = self._rows
        self._rows = chart_lines(self._plot, self.sheet, self.size.width, self.size.height, self._options)
        regions = changed_regions(old, self._rows)
        if regions:
            self.refresh(*regions)

    @override
    def render_line(self, y: int) -> Strip:
        if y >= len(self._rows):
            return Strip([Segment(" " * self.size.width, self.rich_style)])
        return self.strip_of(self._rows[y], self.size.width)
