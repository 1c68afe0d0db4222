"""The list of runs: found, watched, gone on with, read and deleted."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.events import Recording
from tests.tui.app.support import app, shown, until
from trainer.rundir.process import process_start
from tui.app.screens.monitor import MonitorScreen
from tui.app.screens.runlog import RunLogScreen
from tui.app.screens.runs import RunsScreen
from tui.app.screens.wizard import WizardScreen
from tui.app.widgets.chartgrid import ChartGrid
from tui.overview import RunRow, run_row

Make = Callable[..., Recording]


@pytest.fixture
def make(own_directories: Path) -> Make:
    """Runs below ./outputs, each ended a minute after the one before it."""
    clock = [time.time() - 3600]

    def made(name: str, phase: str = "finished", steps: int = 40, **more: object) -> Recording:
        recording = Recording(own_directories / "outputs" / name, total=100)
        clock[0] += 60
        recording.clock.now = clock[0]
        recording.start()
        recording.steps(steps)
        recording.status(phase, **more)  # type: ignore[arg-type]
        recording.close()
        return recording

    return made


async def test_every_run_is_listed_with_its_state_and_curve(make: Make) -> None:
    make("fox")
    make("owl", "training")
    async with app(RunsScreen()).run_test(size=(160, 24)) as pilot:
        await until(pilot, lambda: "fox" in shown(pilot, "#runs"))
        first, second = shown(pilot, "#runs").splitlines()[:2]
        assert "crashed" in first
        assert "outputs/owl" in first
        assert "finished" in second
        assert "40/100" in second
        assert any(level in second for level in "▁▂▃▄▅▆▇█")
        assert "kB" in second
        assert "outputs/owl" in shown(pilot, "#detail")
        await pilot.press("down")
        await until(pilot, lambda: "outputs/fox" in shown(pilot, "#detail"))


@pytest.mark.parametrize("size", [(1, 1), (20, 5), (40, 12), (80, 24)])
async def test_it_can_be_drawn_in_every_size(make: Make, size: tuple[int, int]) -> None:
    make("fox")
    async with app(RunsScreen()).run_test(size=size) as pilot:
        await until(pilot, lambda: pilot.app.screen.query_one("#runs").count == 1)  # type: ignore[attr-defined]
        await pilot.pause()


async def test_a_run_is_watched_and_left_again(make: Make) -> None:
    make("fox")
    async with app(RunsScreen()).run_test(size=(100, 24)) as pilot:
        await until(pilot, lambda: "fox" in shown(pilot, "#runs"))
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(pilot.app.screen, MonitorScreen))
        await pilot.press("q")
        await until(pilot, lambda: isinstance(pilot.app.screen, RunsScreen))


async def test_the_log_and_the_configuration_are_a_key_away(make: Make) -> None:
    run = make("fox").run
    run.log_path.write_text("first\n\x1b[31mlast\n")
    run.config_path.write_text("model: {model_path: /m.safetensors}\ndata: {preprocessed_data_root: /d}\n")
    async with app(RunsScreen()).run_test(size=(100, 24)) as pilot:
        await until(pilot, lambda: "fox" in shown(pilot, "#runs"))
        await pilot.press("l")
        await until(pilot, lambda: isinstance(pilot.app.screen, RunLogScreen) and "last" in shown(pilot, "#log"))
        assert "[31m" not in shown(pilot)
        await pilot.press("q")
        await until(pilot, lambda: isinstance(pilot.app.screen, RunsScreen))
        await pilot.press("e")
        await until(pilot, lambda: isinstance(pilot.app.screen, WizardScreen))


async def test_an_ended_run_is_deleted_after_a_question(make: Make) -> None:
    folder = make("fox").run.path
    async with app(RunsScreen()).run_test(size=(100, 24)) as pilot:
        await until(pilot, lambda: "fox" in shown(pilot, "#runs"))
        await pilot.press("D")
        await until(pilot, lambda: "Delete this run?" in shown(pilot))
        await pilot.press("n")
        await pilot.press("D")
        await until(pilot, lambda: "Delete this run?" in shown(pilot))
        assert folder.exists()
        await pilot.press("y")
        await until(pilot, lambda: not folder.exists())
        await until(pilot, lambda: "fox" not in shown(pilot, "#runs"))


async def test_after_a_deletion_the_other_runs_are_still_listed(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    """While a look is under way that began before it, and is slow."""

    def slow(folder: Path) -> RunRow:
        time.sleep(0.3)
        return run_row(folder)

    make("fox")
    make("owl")
    make("cat")
    async with app(RunsScreen()).run_test(size=(100, 24)) as pilot:
        await until(pilot, lambda: "fox" in shown(pilot, "#runs"))
        monkeypatch.setattr("tui.overview.run_row", lambda folder, clock: slow(folder))
        await pilot.press("space", "D", "y")
        await until(pilot, lambda: "outputs/cat" not in shown(pilot, "#runs"))
        assert "outputs/owl" in shown(pilot, "#runs")
        assert "outputs/fox" in shown(pilot, "#runs")
        assert "  2, 0 of them alive" in shown(pilot, "#title")


async def test_a_living_run_is_not_even_asked_about(make: Make) -> None:
    recording = make("fox")
    recording.clock.now = time.time()
    recording.status("training", pid=os.getpid(), pid_start=process_start(os.getpid()))
    async with app(RunsScreen()).run_test(size=(100, 24)) as pilot:
        await until(pilot, lambda: "running" in shown(pilot, "#runs"))
        await pilot.press("D")
        await until(pilot, lambda: "never deleted" in shown(pilot))
        await pilot.press("escape", "t")
        await until(pilot, lambda: "cannot go on" in shown(pilot))
    assert recording.run.path.exists()


async def test_a_run_without_a_configuration_cannot_go_on(make: Make) -> None:
    make("fox", "stopped")
    async with app(RunsScreen()).run_test(size=(100, 24)) as pilot:
        await until(pilot, lambda: "fox" in shown(pilot, "#runs"))
        await pilot.press("t")
        await until(pilot, lambda: "holds no configuration" in shown(pilot))


async def test_a_run_is_compared_with_the_marked_ones(make: Make) -> None:
    make("fox")
    make("owl")
    async with app(RunsScreen()).run_test(size=(100, 24)) as pilot:
        await until(pilot, lambda: "fox" in shown(pilot, "#runs"))
        await pilot.press("c")
        await until(pilot, lambda: "Nothing to compare" in shown(pilot))
        await pilot.press("escape", "space", "down", "c")
        await until(pilot, lambda: isinstance(pilot.app.screen, MonitorScreen))
        await until(pilot, lambda: "outputs/owl" in pilot.app.screen.query_one(ChartGrid).others)


async def test_no_runs_is_said(own_directories: Path) -> None:
    async with app(RunsScreen()).run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: "no runs here yet" in shown(pilot, "#detail"))


async def test_hostile_names_and_messages_are_harmless(own_directories: Path) -> None:
    recording = Recording(own_directories / "outputs" / "fox\x1b]0;title\x07\x1b[2J")
    recording.start()
    recording.steps(3)
    recording.status("failed", error="\x1b[31m\x9b1mred\nline")
    recording.close()
    async with app(RunsScreen()).run_test(size=(100, 24)) as pilot:
        await until(pilot, lambda: "failed" in shown(pilot, "#runs"))
        assert not {"\x1b", "\x07", "\x9b"} & set(shown(pilot))
