from __future__ import annotations

import json
import os
import time
from pathlib import Path

import pytest
from PIL import Image
from textual.app import App
from textual.widgets import Input

from tests.support.events import Recording
from tests.tui.app.support import app, shown, type_ahead, until
from trainer.rundir.control import ControlInbox
from trainer.rundir.process import process_start
from tui.app.screens.confirm import ConfirmScreen
from tui.app.screens.monitor import MonitorScreen
from tui.app.screens.picker import PickerScreen
from tui.app.screens.value import ValueScreen
from tui.app.widgets.chart import Chart
from tui.app.widgets.chartgrid import ChartGrid

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
    recording.clock.now = time.time()
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


async def test_samples_made_during_a_pause_do_not_end_it(recording: Recording) -> None:
    with recording.run.events_path.open("ab") as file:
        file.write(b"1}\n")  # the end of the half line
    recording.answer("1", "pause", None, "ok", "pausing after this step")
    _alive(recording, "validating")
    inbox = ControlInbox(recording.run)
    async with app(MonitorScreen(recording.run.path)).run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: "PAUSED" in shown(pilot, "#title"))
        await pilot.press("p")
        assert [command.verb for command in inbox.take()] == ["resume"]
        recording.answer("2", "resume", None, "ok", "going on")
        _alive(recording, "validating")
        await until(pilot, lambda: "RUNNING" in shown(pilot, "#title"))
        await pilot.press("p")
        assert [command.verb for command in inbox.take()] == ["pause"]


async def test_the_newest_events_stay_in_sight_through_every_change_of_panes(recording: Recording) -> None:
    with recording.run.events_path.open("ab") as file:
        file.write(b"1}\n")  # the end of the half line
    _alive(recording)
    async with app(MonitorScreen(recording.run.path)).run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: "RUNNING" in shown(pilot, "#title"))
        for number, keys in enumerate(("2", "1", "3", "1", "2", "2")):
            await pilot.press(*keys)
            await pilot.pause()
            recording.warn("disk", f"number {number}")
            if keys != "3":
                await until(pilot, lambda number=number: f"number {number}" in shown(pilot, "#events"))  # type: ignore[misc]


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
        for title in ("loss  ", "loss by modality  ", "loss by σ  "):
            await until(pilot, lambda title=title: chart.plain.startswith(title))  # type: ignore[misc]
            await pilot.press("tab")
        await pilot.press("shift+tab", "shift+tab", "shift+tab", "l")
        await until(pilot, lambda: "log" in chart.plain.splitlines()[0])
        await pilot.press("o", "plus")
        await until(pilot, lambda: "log clipped" in chart.plain.splitlines()[0])
        await until(pilot, lambda: screen.watch_run.view.smoothing == 0.97)
        assert "mean over about 33 steps" in shown(pilot, "#title")


async def test_one_cursor_for_all_charts_and_the_way_back(recording: Recording) -> None:
    screen = MonitorScreen(recording.run.path)
    async with app(screen).run_test(size=(120, 40)) as pilot:
        await _ready(pilot)
        charts = list(screen.query(Chart))[:4]
        await until(pilot, lambda: "300" in charts[3].plain or "grad" in charts[3].plain)
        await pilot.press("left", "left")
        await until(pilot, lambda: all("@" in chart.plain.splitlines()[0] for chart in charts))
        assert len({chart.plain.splitlines()[0].partition("@")[2].split()[0] for chart in charts}) == 1
        await pilot.press("z", "z", "shift+left", ">", "<")
        await until(pilot, lambda: screen.query_one(ChartGrid).options.window.steps < 120)
        await pilot.press("escape")
        await until(pilot, lambda: "@" not in charts[0].plain)
        await pilot.press("escape")
        await until(pilot, lambda: screen.query_one(ChartGrid).options.window.steps > 300)
        await pilot.press("m")
        await until(pilot, lambda: not charts[1].display)
        await pilot.press("escape")
        await until(pilot, lambda: charts[1].display)
        await pilot.press("left", "right", "right")
        await until(pilot, lambda: "@" not in charts[0].plain)
        await pilot.click(charts[0], offset=(30, 5))
        await until(pilot, lambda: "@" in charts[2].plain)


async def test_a_log_is_searched_and_sifted(recording: Recording) -> None:
    lines = [f"step {number}/300  loss 0.1" for number in range(300)]
    lines[7] = "warning: Only 3 GB left"
    lines[250] = "error: only one thing failed"
    recording.run.log_path.write_text("\n".join(lines) + "\n")
    async with app(MonitorScreen(recording.run.path)).run_test(size=(80, 24)) as pilot:
        await _ready(pilot)
        await pilot.press("3", "slash")
        await until(pilot, lambda: isinstance(pilot.app.screen, ValueScreen))
        await pilot.press(*"only", "enter")
        await until(pilot, lambda: "2 of 2 lines with only" in shown(pilot, "#title"))
        assert "error: only one thing failed" in shown(pilot, "#log")
        await pilot.press("n")
        await until(pilot, lambda: "warning: Only 3 GB" in shown(pilot, "#log"))
        await pilot.press("f")
        await until(pilot, lambda: "log: warnings, 2 lines" in shown(pilot, "#title"))
        assert "step 3/300" not in shown(pilot, "#log")
        await pilot.press("f", "f", "escape", "escape")
        await until(pilot, lambda: pilot.app.screen.query_one("#charts").display)


async def test_samples_are_pictures_side_by_side(recording: Recording) -> None:
    _samples(recording, steps=4)
    async with app(MonitorScreen(recording.run.path)).run_test(size=(80, 24)) as pilot:
        await _ready(pilot)
        await pilot.press("4")
        await until(pilot, lambda: "▀▀▀▀" in shown(pilot))
        text = shown(pilot)
        assert "sample 1/2 step 304" in text
        assert "a [red] fox" in text
        assert [f"step {step} " in text for step in (300, 302, 303, 304)] == [True] * 4, "the first one, and the newest"
        await pilot.press("left", "down")
        await until(pilot, lambda: "sample 2/2 step 303" in shown(pilot))
        assert "step 304" not in shown(pilot).partition("sample 2/2")[2]
        assert "step_000303_2.mp4" in shown(pilot)
        await pilot.press("y")
        await until(pilot, lambda: pilot.app.clipboard.endswith("step_000303_2.mp4"))
        await pilot.press("enter")
        await until(pilot, lambda: "cannot be left" in shown(pilot, "#title"))


def _samples(recording: Recording, steps: int) -> None:
    for number in range(steps):
        recording.steps(1)
        for index, prompt in enumerate(("a [red] fox", "an owl")):
            recording.sample(index, prompt)
            picture = Image.new("RGB", (96, 64), (40 * number, 200, 60))
            picture.save(recording.run.poster_path(recording.step, index))


async def test_the_learning_rate_and_intervals_are_asked_for_and_judged(recording: Recording) -> None:
    _alive(recording)
    inbox = ControlInbox(recording.run)
    async with app(MonitorScreen(recording.run.path)).run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: "RUNNING" in shown(pilot, "#title"))
        await pilot.press("r")
        await until(pilot, lambda: isinstance(pilot.app.screen, ValueScreen))
        await pilot.press(*["backspace"] * 12, *"7", "enter")
        await pilot.pause()
        assert inbox.take() == [], "nothing is sent that the trainer would refuse"
        assert isinstance(pilot.app.screen, ValueScreen), "and what is wrong can be mended"
        assert "✔" not in shown(pilot, "#verdict")
        await pilot.press(*["backspace"] * 12, *"5e-5", "enter")
        await until(pilot, lambda: "lr 5e-5 sent" in shown(pilot, "#title"))
        await pilot.press("i")
        await until(pilot, lambda: isinstance(pilot.app.screen, ValueScreen))
        await pilot.press(*["backspace"] * 3, *"50", "enter")
        await until(pilot, lambda: "interval checkpoint 50 sent" in shown(pilot, "#title"))
        sent = inbox.take()
        assert [command.verb for command in sent] == ["lr", "interval"]


async def test_answers_are_events_that_two_viewers_see(recording: Recording) -> None:
    _alive(recording)
    screens = [MonitorScreen(recording.run.path), MonitorScreen(recording.run.path)]
    async with app(screens[0]).run_test(size=(80, 24)) as one, app(screens[1]).run_test(size=(40, 12)) as two:
        for pilot in (one, two):
            await until(pilot, lambda pilot=pilot: "RUNNING" in shown(pilot, "#title"))  # type: ignore[misc]
        await one.press("c")
        await until(one, lambda: "checkpoint sent" in shown(one, "#title"))
        (command,) = ControlInbox(recording.run).take()
        with recording.run.events_path.open("ab") as file:
            file.write(b"1}\n")  # the end of the half line
        recording.answer(command.id, "checkpoint", None, "ok", "saved step 300")
        await until(one, lambda: "saved step 300" in shown(one, "#title"))
        await until(two, lambda: "checkpoint: ok" in shown(two, "#title"))


async def test_the_charts_are_written_to_files(recording: Recording, tmp_path: Path) -> None:
    async with app(MonitorScreen(recording.run.path)).run_test(size=(160, 45)) as pilot:
        await _ready(pilot)
        await pilot.press("left", "e")
        await until(pilot, lambda: isinstance(pilot.app.screen, ValueScreen))
        pilot.app.screen.query_one(Input).value = str(tmp_path / "shown.png")
        await pilot.press("enter")
        await until(pilot, lambda: "written" in shown(pilot, "#title"))
    rows = (tmp_path / "shown.csv").read_text().splitlines()
    assert rows[0].startswith("chart,curve,step")
    assert {row.split(",")[0] for row in rows[1:]} >= {"loss", "gradient norm", "learning rate"}
    with Image.open(tmp_path / "shown.png") as picture:
        assert picture.width == 1200


async def test_another_run_is_laid_over_and_taken_away(recording: Recording, tmp_path: Path) -> None:
    earlier = Recording(tmp_path / "outputs" / "owl", seed=5)
    earlier.start()
    earlier.steps(500)
    earlier.close()
    screen = MonitorScreen(recording.run.path)
    async with app(screen).run_test(size=(80, 24)) as pilot:
        await _ready(pilot)
        chart = screen.query_one("#chart-0", Chart)
        await pilot.press("O")
        await until(pilot, lambda: isinstance(pilot.app.screen, PickerScreen))
        await pilot.press("enter")
        await until(pilot, lambda: "outputs/owl" in chart.plain.splitlines()[0])
        assert screen.query_one(ChartGrid).options.window.end >= 500, "aligned by step, as long as the longer one"
        await pilot.press("O")
        await until(pilot, lambda: isinstance(pilot.app.screen, PickerScreen))
        await pilot.press("enter")
        await until(pilot, lambda: "owl" not in chart.plain)


async def test_why_explains_every_finding(recording: Recording) -> None:
    async with app(MonitorScreen(recording.run.path)).run_test(size=(80, 24)) as pilot:
        await _ready(pilot)
        assert "gone without a word" in shown(pilot, "#verdict")
        await pilot.press("w")
        await until(pilot, lambda: "continues from the last save" in shown(pilot))
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(pilot.app.screen, MonitorScreen))


@pytest.mark.parametrize("size", SIZES)
async def test_every_size_from_one_cell_up_and_every_change_of_size(
    recording: Recording, size: tuple[int, int]
) -> None:
    _alive(recording)
    async with app(MonitorScreen(recording.run.path)).run_test(size=(80, 24)) as pilot:
        await _ready(pilot)
        await pilot.resize_terminal(*size)
        for key in ("2", "3", "4", "1", "tab", "l", "left", "z", "m"):
            await type_ahead(pilot, key)
        recording.steps(1)
        await pilot.pause(0.3)
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


async def test_a_run_that_failed_before_its_first_step_says_why(tmp_path: Path) -> None:
    recording = Recording(tmp_path / "fox")
    recording.start()
    recording.exit("failed", 1, "the clips do not match the model: expected 128 channels, found 64")
    recording.status("failed")
    async with app(MonitorScreen(recording.run.path)).run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: "FAILED" in shown(pilot, "#title"))
        await until(pilot, lambda: "found 64" in pilot.app.screen.query_one("#chart-0", Chart).plain)
        assert "waiting for the first value" not in shown(pilot)
        await pilot.press("w")
        await until(pilot, lambda: "expected 128 channels" in shown(pilot))


async def test_a_short_run_says_that_it_can_be_seen_no_closer(tmp_path: Path) -> None:
    recording = Recording(tmp_path / "fox")
    recording.start()
    recording.steps(20)
    recording.exit("stopped", 75, "at step 20 on request; the same command goes on")
    recording.status("stopped")
    async with app(MonitorScreen(recording.run.path)).run_test(size=(40, 12)) as pilot:
        await until(pilot, lambda: "STOPPED" in shown(pilot, "#title"))
        await pilot.press("z")
        await until(pilot, lambda: "nothing more to see" in pilot.app.screen.notice)  # type: ignore[attr-defined]
        assert "the loss" in shown(pilot, "#verdict")


async def test_a_question_is_wrapped_on_a_phone(recording: Recording) -> None:
    _alive(recording)
    async with app(MonitorScreen(recording.run.path)).run_test(size=(40, 12)) as pilot:
        await until(pilot, lambda: "RUNNING" in shown(pilot, "#title"))
        await pilot.press("s")
        await until(pilot, lambda: "continues it" in shown(pilot))
        text = " ".join(shown(pilot).replace("│", " ").split())
        assert "The trainer finishes its step, saves, and ends." in text
        assert "`train` continues it later from there." in text


async def test_garbage_in_the_run_directory_is_survived(recording: Recording) -> None:
    recording.run.status_path.write_text("{")
    with recording.run.events_path.open("ab") as file:
        file.write(
            b"\n\xff\xfe nonsense\n[]\n" + json.dumps({"v": 1, "t": 1, "type": "odd", "x": "[b]"}).encode() + b"\n"
        )
    async with app(MonitorScreen(recording.run.path)).run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: "odd: x=[b]" in shown(pilot))
        assert isinstance(pilot.app, App)


async def test_a_disk_that_hangs_holds_up_neither_the_screen_nor_leaving(recording: Recording) -> None:
    recording.run.log_path.unlink()
    os.mkfifo(recording.run.log_path)  # opening it waits for ever, as a dead network mount does
    started = time.monotonic()
    async with app(MonitorScreen(recording.run.path)).run_test(size=(80, 24)) as pilot:
        await pilot.pause(1.0)
        await pilot.press("2", "1", "tab", "q")
    assert pilot.app.return_value == 0
    assert time.monotonic() - started < 15
    descriptor = os.open(recording.run.log_path, os.O_RDWR)  # lets the reader go
    os.close(descriptor)
