"""The smallest viewer one would write with textual-plotext, for comparison: the same log, the same reader, one chart.

``python -m benchmarks.plotext_viewer EVENTS``: the loss and its running mean, drawn anew whenever something has come.
"""

from __future__ import annotations

import sys
from pathlib import Path

from textual.app import App, ComposeResult
from textual_plotext import PlotextPlot

from trainer.rundir.events import EventReader

POLL_SECONDS = 0.4
KEEP = 0.9


class Viewer(App[None]):
    """One chart of one log."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self._reader = EventReader(path)
        self._steps: list[int] = []
        self._losses: list[float] = []
        self._means: list[float] = []

    def compose(self) -> ComposeResult:
        yield PlotextPlot()

    def on_mount(self) -> None:
        self._poll()
        self.set_interval(POLL_SECONDS, self._poll)

    def _poll(self) -> None:
        events = self._reader.poll(3600.0)
        for event in events:
            if event["type"] == "metric":
                loss = event["metrics"]["loss"]
                mean = KEEP * self._means[-1] + (1 - KEEP) * loss if self._means else loss
                self._steps.append(event["step"])
                self._losses.append(loss)
                self._means.append(mean)
        if events:
            chart = self.query_one(PlotextPlot)
            chart.plt.clear_data()
            chart.plt.plot(self._steps, self._losses, marker="braille")
            chart.plt.plot(self._steps, self._means, marker="braille")
            chart.refresh()


if __name__ == "__main__":
    Viewer(Path(sys.argv[1])).run()
