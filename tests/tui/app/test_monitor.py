from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from textual.app import App

from tests.support.events import Recording
from tests.tui.app.support import app, shown, until
from trainer.rundir.control import ControlInbox
from trainer.rundir.process import process_start
from tui.app.screens.confirm import ConfirmScreen
from tui.app.screens.monitor import MonitorScreen
from tui.app.widgets.chart import Chart

SIZES = [(1, 1), (5, 3), (20, 5), (39, 11), (40, 12), (80, 24), (120, 35), (160, 45)]


@pytest.fixture
def recording(tmp_path: Path) -> Recording:
    """A run 300 steps in, some of them not finite, with half a line at the end of its log."""
    made = Recording(tmp_path / "outputs" / "fox")
    made.start()
    made.steps(300, bad=range(120, 150))
    made.checkpoint()
    made.sample(0, "a [red] fox")
    made.warn("disk", "only 3 GB left [of 100]")
    made.run.log_path.write_text("reading [b]weights[/b]\n\x1b[2Jdone\n")
    made.status("training")
    made.half_line()
    return made


def _alive(recording: Recording, phase: str = "training") -> None:
    recording.clock.now = __import__("time").time()
    recording.status(phase, pid=os.getpid(), pid_start=process_start(os.getpid()))


async def _ready(pilot: object) -> None:
    await until(pilot, lambda: "step" in shown(pilot, "#strip") or "gone" in shown(pilot, "#strip"))  # type: ignore[arg-type]


async def test_a_crashed_run_is_called_so_and_all_it_left_is_shown(recording: Recording) -> None:
    screen = MonitorScreen(recording.run.path)
    async with app(screen).run_test(size=(80, 24)) as pilot:
        await _ready(pilot)
        text = shown(pilot)
        assert "CRASHED" in text
        assert "gone without a word after step 300" in text
        assert "outputs/fox" in text
        assert "checkpoint at step 300" in text
        assert "only 3 GB left [of 100]" in text
        assert "×" in text, "steps whose loss is not finite are marked"
        await pilot.press("3")
        await pilot.pause()
        log = shown(pilot, "#log")
        assert "reading [b]weights[/b]" in log
        assert "done" in log


async def test_a_running_run_moves_and_is_followed(recording: Recording) -> None:
    _alive(recording)
    screen = MonitorScreen(recording.run.path)
    async with app(screen).run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: "RUNNING" in shown(pilot, "#title"))
        with recording.run.events_path.open("ab") as file:
            file.write(b"301}\n")  # the half line's end: no event, since it has no metrics
        recording.step = 301
        recording.steps(5)
        _alive(recording)
        await until(pilot, lambda: "306" in shown(pilot, "#strip"))
        recording.exit("finished", 0)
        recording.status("finished")
        await until(pilot, lambda: "FINISHED" in shown(pilot, "#title"))


async def test_start_up_shows_the_progress_of_its_phases(tmp_path: Path) -> None:
    recording = Recording(tmp_path)
    recording.phase("loading", "reading the transformer", 30, 120)
    _alive(recording, "loading")
    async with app(MonitorScreen(tmp_path)).run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: "25 %" in shown(pilot, "#strip"))
        assert "reading the transformer" in shown(pilot, "#strip")
        assert "waiting for the first value" in shown(pilot)


async def test_keys_leave_commands_and_stopping_is_asked_about(recording: Recording) -> None:
    _alive(recording)
    inbox = ControlInbox(recording.run)
    async with app(MonitorScreen(recording.run.path)).run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: "RUNNING" in shown(pilot, "#title"))
        await pilot.press("c", "v", "p")
        assert [command.verb for command in inbox.take()] == ["checkpoint", "validate", "pause"]
        _alive(recording, "paused")
        await until(pilot, lambda: "PAUSED" in shown(pilot, "#title"))
        await pilot.press("p", "s")
        await pilot.pause()
        assert isinstance(pilot.app.screen, ConfirmScreen)
        await pilot.press("enter", "n")
        assert [command.verb for command in inbox.take()] == ["resume"]
        await pilot.press("s", "y")
        await pilot.pause()
        assert [command.verb for command in inbox.take()] == ["stop"]


async def test_nobody_is_asked_to_do_anything_when_the_run_is_over(recording: Recording) -> None:
    async with app(MonitorScreen(recording.run.path)).run_test(size=(80, 24)) as pilot:
        await _ready(pilot)
        await pilot.press("c", "s")
        await pilot.pause()
        assert ControlInbox(recording.run).take() == []
        assert "the run is crashed" in shown(pilot, "#title")


async def test_looking_at_other_metrics_scales_and_smoothing(recording: Recording) -> None:
    screen = MonitorScreen(recording.run.path)
    async with app(screen).run_test(size=(80, 24)) as pilot:
        await _ready(pilot)
        chart = screen.query_one("#chart-0", Chart)
        titles = []
        for _ in range(3):
            titles.append(chart.plain.split()[0])
            await pilot.press("tab")
        assert titles == ["loss", "loss/video", "loss/audio"]
        await pilot.press("shift+tab", "shift+tab", "shift+tab", "l")
        assert " log" in chart.plain.splitlines()[0]
        await pilot.press("o", "plus")
        assert "clipped" in chart.plain.splitlines()[0]
        assert screen.watch_run.view.smoothing == 0.97


@pytest.mark.parametrize("size", SIZES)
async def test_every_size_from_one_cell_up_and_every_change_of_size(
    recording: Recording, size: tuple[int, int]
) -> None:
    _alive(recording)
    async with app(MonitorScreen(recording.run.path)).run_test(size=(80, 24)) as pilot:
        await _ready(pilot)
        await pilot.resize_terminal(*size)
        for key in ("2", "3", "1", "tab", "l"):
            await pilot.press(key)
        recording.steps(1)
        await pilot.pause(0.5)
        await pilot.resize_terminal(80, 24)
        await until(pilot, lambda: "RUNNING" in shown(pilot, "#title"))


async def test_a_directory_with_nothing_in_it_waits(tmp_path: Path) -> None:
    async with app(MonitorScreen(tmp_path)).run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: "WAITING" in shown(pilot, "#title"))
        await pilot.press("q")
    assert pilot.app.return_value == 0


async def test_a_trainer_that_cannot_even_start_is_reported_with_its_log(tmp_path: Path) -> None:
    (tmp_path / "trainer.log").write_text("ModuleNotFoundError: No module named 'torch'\n")
    async with app(MonitorScreen(tmp_path, ended=lambda: 1)).run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: "FAILED" in shown(pilot, "#title"))
        await pilot.press("3")
        await pilot.pause()
        assert "No module named 'torch'" in shown(pilot, "#log")


async def test_garbage_in_the_run_directory_is_survived(recording: Recording) -> None:
    recording.run.status_path.write_text("{")
    with recording.run.events_path.open("ab") as file:
        file.write(
            b"\n\xff\xfe nonsense\n[]\n" + json.dumps({"v": 1, "t": 1, "type": "odd", "x": "[b]"}).encode() + b"\n"
        )
    async with app(MonitorScreen(recording.run.path)).run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: "odd: x=[b]" in shown(pilot))
        assert isinstance(pilot.app, App)
