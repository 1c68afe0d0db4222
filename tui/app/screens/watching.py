"""What a viewer can do with what it sees: compare runs, write the charts to files, copy a path, tell of the end."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import partial
from pathlib import Path

from schemas.errors import EnvironmentFault
from trainer.rundir.atomic import write_atomic
from trainer.rundir.runs import list_runs
from tui.app.present import present
from tui.app.screens.picker import Option, PickerScreen
from tui.app.screens.steering import SteeringScreen
from tui.app.screens.value import ValueScreen
from tui.app.widgets.chartgrid import ChartGrid
from tui.app.widgets.logpane import LogPane
from tui.app.widgets.samplepane import SamplePane
from tui.charts.export import csv_text, png_bytes
from tui.charts.lines import ChartOptions, Sheet
from tui.charts.series import Series
from tui.monitor.others import MOST, read_curves
from tui.monitor.watch import RunWatch
from tui.notify import Notifier
from tui.recent import run_roots


class WatchingScreen(SteeringScreen):
    """Comparing, exporting, copying."""

    def __init__(self, watch: RunWatch) -> None:
        super().__init__(watch)
        self._notifier = Notifier(_name(watch.run.path))

    def notify_ending(self) -> None:
        """Ring once when a run that was seen going on has ended."""
        watch, driver = self.watch_run, self.app._driver
        words = self._notifier.see(watch.state, watch.view.exit_message)
        if words and driver is not None and not self.app.is_headless:
            driver.write(words)

    # ---------------------------------------------------------------- other runs

    def action_overlay(self) -> None:
        grid = self.query_one(ChartGrid)
        if len(grid.others) >= MOST:
            grid.others.clear()
            self.tell("compared runs taken away")
            return
        self.tell("looking for runs")
        self.run_worker(self._look_for_runs, thread=True, exclusive=True, group="runs")

    def _look_for_runs(self) -> None:
        here = self.watch_run.run.path.resolve()
        found = [run for run in list_runs([here.parent, *run_roots()]) if run.dir.resolve() != here]
        options = [Option(run.dir, _name(run.dir), f"{run.state}, {run.step} steps, {run.dir}") for run in found]
        self.call_later(self._offer, options)

    def _offer(self, options: list[Option]) -> None:
        if not present(self):
            return
        grid = self.query_one(ChartGrid)
        taken = [Option(None, f"take away {name}", "stop comparing") for name in grid.others]
        if not options and not taken:
            self.tell("there are no other runs beside this one")
            return

        def answered(option: Option | None) -> None:
            if option is None:
                self.tell("")
            elif option.value is None:
                grid.others.pop(option.label.removeprefix("take away "), None)
                self.tell("")
            else:
                self.tell(f"reading {option.label}")
                self.run_worker(partial(self._read_other, option.value, grid.smoothing), thread=True, group="others")

        self.app.push_screen(PickerScreen("Compare with which run?", [*taken, *options]), answered)

    def _read_other(self, folder: Path, smoothing: float) -> None:
        curves = read_curves(folder, smoothing)
        self.call_later(self._lay_over, _name(folder), curves)

    def _lay_over(self, name: str, curves: Mapping[str, Series]) -> None:
        if not present(self):
            return
        if curves:
            self.query_one(ChartGrid).others[name] = curves
        self.tell(f"compared with {name}, by step" if curves else f"{name} has no metrics")

    # ---------------------------------------------------------------- files and the clipboard

    def action_export(self) -> None:
        grid = self.query_one(ChartGrid)
        sheets = [chart.sheet for chart in grid.visible_charts if chart.sheet.curves]
        if not sheets:
            self.tell("there is no chart to write")
            return
        name = re.sub(r"[^\w.-]+", "_", f"{self.watch_run.run.path.name}_{sheets[0].title}")
        options = grid.options

        def answered(text: str | None) -> None:
            if text and text.strip():
                path = Path(text.strip()).expanduser()
                self.run_worker(lambda: self._write(path, sheets, options), thread=True, group="export")

        hint = "two files, .png and .csv, of the charts, steps and runs that are shown"
        self.app.push_screen(ValueScreen("Write the charts to", str(Path.cwd() / name), hint=hint), answered)

    def _write(self, path: Path, sheets: list[Sheet], options: ChartOptions) -> None:
        stem = path.with_suffix("") if path.suffix in {".png", ".csv"} else path
        heading = f"{self.watch_run.run.path}, steps {options.window.start} to {options.window.end}"
        try:
            with self.watch_run.lock:
                table, picture = csv_text(sheets, options.window), png_bytes(sheets, options, heading)
            write_atomic(stem.with_name(stem.name + ".csv"), table)
            write_atomic(stem.with_name(stem.name + ".png"), picture)
        except (EnvironmentFault, OSError) as error:
            words = f"not written: {error}"
        else:
            words = f"written: {stem}.png and .csv"
        self.call_later(self.tell, words)

    def action_copy(self) -> None:
        sample, line = self.query_one(SamplePane).current, self.query_one(LogPane).found_line
        if self.query_one(SamplePane).has_focus and sample is not None:
            text = sample.path
        elif self.query_one(LogPane).has_focus and line:
            text = line
        else:
            text = str(self.watch_run.run.path.absolute())
        self.app.copy_to_clipboard(text)
        self.tell(f"copied, if the terminal lets it: {text}")


def _name(folder: Path) -> str:
    return f"{folder.parent.name}/{folder.name}" if folder.parent.name else str(folder)
