"""Several charts with one cursor, one stretch of steps and one way of drawing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import ClassVar, Final

from textual import events
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Container
from textual.message import Message

from tui.app.keys import bindings
from tui.app.typing import act_here
from tui.app.widgets.chart import NOTHING, Chart
from tui.charts.lines import ChartOptions, Sheet
from tui.charts.plot import Curve
from tui.charts.series import Series
from tui.charts.view import SMALLEST_WINDOW, Window
from tui.monitor.model import RunView
from tui.monitor.panels import Panel, curves_of, panels_of
from tui.terminal import ascii_only

MOST_CHARTS: Final = 6
SMOOTHING: Final = (0.0, 0.6, 0.9, 0.97, 0.99, 0.997)
OTHER_STYLES: Final = ("good", "title", "warn")
"""Colours of other runs laid over the first curve of a chart."""


class ChartGrid(Container, can_focus=True):
    """The charts of the monitor. Their data are handed in with ``show``; the rest is theirs."""

    CONTEXT: ClassVar[str] = "charts"
    BINDINGS: ClassVar[list[BindingType]] = bindings("charts")
    DEFAULT_CSS = """
    ChartGrid { layout: grid; grid-gutter: 0 1; height: 1fr; }
    """

    class Changed(Message):
        """Something about the drawing was changed with a key; ``words`` say what."""

        def __init__(self, words: str = "") -> None:
            super().__init__()
            self.words = words

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id)
        self.options = ChartOptions(ascii_only=ascii_only())
        self.first = 0
        """Which panel is shown first."""
        self.single = False
        """One chart over all the room."""
        self.others: dict[str, Mapping[str, Series]] = {}
        """The curves of other runs by name."""
        self._fitting = 1
        self._columns = 1
        self._zoom: int | None = None
        """Steps across the charts; None shows the whole run."""
        self._start: int | None = None
        """First step; None follows the newest ones."""
        self._guided = True
        self._smoothing = SMOOTHING.index(0.9)
        self._last_step = 0

    def compose(self) -> ComposeResult:
        for index in range(MOST_CHARTS):
            yield Chart(id=f"chart-{index}")

    async def on_key(self, event: events.Key) -> None:
        await act_here(event, self, self.screen)

    def fit_charts(self, count: int, columns: int) -> None:
        """Have room for ``count`` charts in ``columns``."""
        self._fitting, self._columns = count, columns
        self._lay_out()

    def _lay_out(self) -> None:
        count, columns = (1, 1) if self.single else (self._fitting, self._columns)
        self.styles.grid_size_columns = columns
        for index, chart in enumerate(self.query(Chart)):
            chart.display = index < count

    @property
    def visible_charts(self) -> list[Chart]:
        """Those that have room now."""
        return [chart for chart in self.query(Chart) if chart.display]

    # ---------------------------------------------------------------- drawing

    def show(self, view: RunView, why: str = "") -> None:
        """Draw the present state of a run; whoever calls holds the lock of its data.

        ``why``: why no value will come any more, for a run that has none.
        """
        series = view.series
        self._last_step = max([view.reached, *(_last_step(other) for other in self.others.values())])
        self.options = replace(self.options, window=self._window(), guides=tuple(view.guides) if self._guided else ())
        panels = panels_of(series)
        for place, chart in enumerate(self.visible_charts):
            if place < len(panels):
                panel = panels[(self.first + place) % len(panels)]
                chart.update_chart(replace(self._sheet(panel, series), why=why), self.options)
            else:
                chart.update_chart(NOTHING, self.options)

    def _sheet(self, panel: Panel, series: Mapping[str, Series]) -> Sheet:
        curves = curves_of(panel, series)
        for (name, other), style in zip(self.others.items(), OTHER_STYLES, strict=False):
            for curve in curves_of(panel, other)[:1]:
                curves.append(Curve(name, curve.series, style, smooth=curve.smooth, mark=name[:1]))
        return Sheet(panel.title, tuple(curves), panel.scale, panel.unit)

    def _window(self) -> Window:
        if self._zoom is None:
            return Window.whole(self._last_step)
        if self._start is None:
            return Window.newest(self._zoom, self._last_step)
        return Window(self._start, self._zoom)

    # ---------------------------------------------------------------- keys

    def on_chart_pointed(self, message: Chart.Pointed) -> None:
        self._set(replace(self.options, cursor=message.step))

    def on_mouse_scroll_up(self) -> None:
        self.action_zoom(0.5)

    def on_mouse_scroll_down(self) -> None:
        self.action_zoom(2.0)

    def leave(self) -> bool:
        """Take the cursor away, or else the zoom, or else the single chart; False when there was none of them."""
        if self.options.cursor is not None:
            self._set(replace(self.options, cursor=None))
        elif self._zoom is not None:
            self.action_whole()
        elif self.single:
            self.action_maximize()
        else:
            return False
        return True

    def action_next_chart(self, step: int) -> None:
        self.first += step
        self._set(self.options)

    def action_maximize(self) -> None:
        self.single = not self.single
        self._lay_out()
        self.call_after_refresh(self.post_message, self.Changed())

    def action_cursor(self, cells: int) -> None:
        window, charts = self.options.window, self.visible_charts
        if not charts:
            return
        jump = max(1, round(charts[0].steps_per_cell)) * cells
        cursor = self.options.cursor
        if cursor is None:
            if cells < 0:
                self._set(replace(self.options, cursor=min(self._last_step, window.end - 1)))
            return
        target: int | None = max(0, cursor + jump)
        if target is not None and target > self._last_step:
            target = None if cursor >= self._last_step else self._last_step
        if target is not None and self._zoom is not None and not window.start <= target < window.end:
            self._start = window.panned(0.5 if cells > 0 else -0.5, self._last_step).start
        self._set(replace(self.options, cursor=target))

    def action_zoom(self, factor: float) -> None:
        window, cursor = self.options.window, self.options.cursor
        finest = max(
            (chart.sheet.curves[0].series.width for chart in self.visible_charts if chart.sheet.curves), default=1
        )
        if factor < 1 and min(window.steps, self._last_step + 1) * factor < SMALLEST_WINDOW * finest:
            self.post_message(self.Changed("closer there is nothing more to see"))
            return
        if cursor is None:
            zoomed = Window.newest(round(min(window.steps, self._last_step + 1) * factor), self._last_step)
            self._start = None
        else:
            zoomed = window.zoomed(factor, cursor)
            self._start = zoomed.start
        self._zoom = zoomed.steps
        words = ""
        if self._zoom > self._last_step:
            self._zoom = self._start = None
            words = "closer there is nothing more to see" if factor < 1 else "the whole run is shown"
        self._set(self.options, words)

    def action_whole(self) -> None:
        self._zoom = self._start = None
        self._set(self.options)

    def action_pan(self, share: float) -> None:
        if self._zoom is None:
            self.post_message(self.Changed("zoom in first, with z"))
            return
        self._start = self.options.window.panned(share, self._last_step).start
        if self._start + self._zoom > self._last_step:
            self._start = None
        self._set(self.options)

    def action_log_scale(self) -> None:
        self._set(replace(self.options, log=not self.options.log))

    def action_outliers(self) -> None:
        self._set(replace(self.options, robust=not self.options.robust))

    def action_guides(self) -> None:
        self._guided = not self._guided
        self._set(self.options, "what happened is marked" if self._guided else "charts without marks")

    def action_smooth(self, step: int) -> None:
        self._smoothing = min(len(SMOOTHING) - 1, max(0, self._smoothing + step))
        for series in (series for other in self.others.values() for series in other.values()):
            series.smoothing = self.smoothing
        self._set(self.options, f"mean over about {round(1 / (1 - self.smoothing))} steps")

    @property
    def smoothing(self) -> float:
        """Weight that the running mean keeps per step."""
        return SMOOTHING[self._smoothing]

    def _set(self, options: ChartOptions, words: str = "") -> None:
        self.options = options
        self.post_message(self.Changed(words))


def _last_step(series: Mapping[str, Series]) -> int:
    return max((one.last_step or 0 for one in series.values()), default=0)
