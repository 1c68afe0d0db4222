from __future__ import annotations

from pathlib import Path

from tests.support.events import Recording
from tests.tui.app.support import app, shown, until
from tui.app.screens.home import HomeScreen
from tui.app.screens.monitor import MonitorScreen
from tui.app.screens.picker import PickerScreen
from tui.app.screens.wizard import WizardScreen
from tui.recent import recent


async def test_home_lists_runs_and_files_and_opens_them(own_directories: Path) -> None:
    recording = Recording(own_directories / "outputs" / "fox")
    recording.start()
    recording.steps(3)
    recording.status("finished")
    recording.close()
    config = own_directories / "a.yaml"
    config.write_text("model: {model_path: /m.safetensors}\ndata: {preprocessed_data_root: /d}\nlora: {rank: 8}\n")
    recent().remember("configs", config)
    async with app(HomeScreen()).run_test(size=(100, 30)) as pilot:
        await until(pilot, lambda: "finished" in shown(pilot))
        assert "outputs/fox" in shown(pilot)
        assert "a.yaml" in shown(pilot)
        await pilot.press("down", "down", "down", "enter")
        await until(pilot, lambda: isinstance(pilot.app.screen, MonitorScreen))
        await pilot.press("q")
        await until(pilot, lambda: isinstance(pilot.app.screen, HomeScreen))
        await until(pilot, lambda: "finished" in shown(pilot))
        await pilot.press("end", "enter")
        await until(pilot, lambda: isinstance(pilot.app.screen, WizardScreen))
        await pilot.press("q")
        await until(pilot, lambda: isinstance(pilot.app.screen, HomeScreen))
        await pilot.press("n")
        await until(pilot, lambda: isinstance(pilot.app.screen, PickerScreen))
        await pilot.press("escape")
        await pilot.press("q")
    assert pilot.app.return_value == 0


async def test_home_is_useful_on_the_first_day() -> None:
    async with app(HomeScreen()).run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: "New configuration" in shown(pilot))
        await pilot.press("e", *"nothing.yaml", "enter")
        await until(pilot, lambda: "cannot be opened" in shown(pilot))
        await pilot.press("escape", "m", *"nowhere", "enter")
        await until(pilot, lambda: "Nothing to watch" in shown(pilot))
