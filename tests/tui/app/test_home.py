from __future__ import annotations

import sys
from pathlib import Path

import pytest

from schemas import load_config
from tests.support.events import Recording
from tests.tui.app.support import app, shown, until
from tui.app.screens.doctor import DoctorScreen
from tui.app.screens.goal import GoalScreen
from tui.app.screens.home import HomeScreen
from tui.app.screens.monitor import MonitorScreen
from tui.app.screens.picker import PickerScreen
from tui.app.screens.prepare import PrepareScreen
from tui.app.screens.value import ValueScreen
from tui.app.screens.wizard import WizardScreen
from tui.app.screens.working import WorkingScreen
from tui.launch import PYTHON_VARIABLE
from tui.recent import recent

CONFIG = """\
model: {model_path: /m.safetensors}
data: {preprocessed_data_root: /d}
lora: {rank: 8} # small
output_dir: outputs/a
"""


async def test_home_lists_runs_and_files_and_opens_them(own_directories: Path) -> None:
    recording = Recording(own_directories / "outputs" / "fox")
    recording.start()
    recording.steps(3)
    recording.status("finished")
    recording.close()
    config = own_directories / "a.yaml"
    config.write_text(CONFIG)
    recent().remember("configs", config)
    async with app(HomeScreen()).run_test(size=(100, 30)) as pilot:
        await until(pilot, lambda: "finished" in shown(pilot))
        assert "outputs/fox" in shown(pilot)
        assert "a.yaml" in shown(pilot)
        await pilot.press("end", "up", "enter")
        await until(pilot, lambda: isinstance(pilot.app.screen, MonitorScreen))
        await pilot.press("q")
        await until(pilot, lambda: isinstance(pilot.app.screen, HomeScreen))
        await pilot.press("end", "enter")
        await until(pilot, lambda: isinstance(pilot.app.screen, WizardScreen))
        await pilot.press("q")
        await until(pilot, lambda: isinstance(pilot.app.screen, HomeScreen))
        await pilot.press("end", "s")
        await until(pilot, lambda: isinstance(pilot.app.screen, GoalScreen))
        await pilot.press("q")
        await until(pilot, lambda: isinstance(pilot.app.screen, HomeScreen))
        await pilot.press("p")
        await until(pilot, lambda: isinstance(pilot.app.screen, PickerScreen))
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(pilot.app.screen, HomeScreen))
        await pilot.press("q")
    assert pilot.app.return_value == 0


async def test_a_copy_keeps_comments_and_has_an_output_directory_of_its_own(own_directories: Path) -> None:
    config = own_directories / "a.yaml"
    config.write_text(CONFIG)
    recent().remember("configs", config)
    async with app(HomeScreen()).run_test(size=(100, 30)) as pilot:
        await until(pilot, lambda: "a.yaml" in shown(pilot))
        await pilot.press("end", "d")
        await until(pilot, lambda: isinstance(pilot.app.screen, ValueScreen))
        assert "Copy a.yaml to" in shown(pilot)
        await pilot.press("enter")
        await until(pilot, lambda: "so that the two runs do not meet" in shown(pilot))
        await pilot.press("escape", "w")
        await until(pilot, lambda: "outputs/a_copy" in (own_directories / "a_copy.yaml").read_text())
    text = (own_directories / "a_copy.yaml").read_text()
    assert "# small" in text
    assert load_config(own_directories / "a_copy.yaml").config.output_dir == Path("outputs/a_copy")


async def test_home_is_useful_on_the_first_day() -> None:
    async with app(HomeScreen()).run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: "New configuration" in shown(pilot))
        await pilot.press("e", *"nothing.yaml", "enter")
        await until(pilot, lambda: "cannot be opened" in shown(pilot))
        await pilot.press("escape", "m", *"nowhere", "enter")
        await until(pilot, lambda: "Nothing to watch" in shown(pilot))
        await pilot.press("escape", "home", "end", "enter")
        await until(pilot, lambda: isinstance(pilot.app.screen, DoctorScreen))
        await pilot.press("q")
        await until(pilot, lambda: isinstance(pilot.app.screen, HomeScreen))
        await pilot.press("home", *["down"] * 4, "enter")
        await until(pilot, lambda: isinstance(pilot.app.screen, PrepareScreen))
        assert "errors" in shown(pilot, "#title")


PREPARE = """
import sys, time
print("reading \\x1b[31mclips[/b]", flush=True)
for done in range(1, 4):
    print(f"captions {done}/3", flush=True)
if "wait" in sys.argv[-1]:
    time.sleep(60)
"""


async def test_a_process_beside_the_app_is_followed_left_and_cancelled(
    own_directories: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The options form starts the command; this stand-in prints what the real one prints."""
    (own_directories / "prepare.py").write_text(PREPARE)
    monkeypatch.setenv(PYTHON_VARIABLE, f"{sys.executable} {own_directories / 'prepare.py'}")
    from tui.guide.preparation_form import preparation_draft

    draft = preparation_draft(None, own_directories / "wait.json")
    draft.set("model_path", "m")
    draft.set("text_encoder_path", "g")
    async with app(HomeScreen()).run_test(size=(80, 24)) as pilot:
        await pilot.app.push_screen(PrepareScreen(draft, lambda _options: None))
        await until(pilot, lambda: "ready" in shown(pilot, "#title"))
        await pilot.press("s")
        await until(pilot, lambda: isinstance(pilot.app.screen, WorkingScreen))
        await until(pilot, lambda: "captions" in shown(pilot, "#head") and "3/3" in shown(pilot, "#head"))
        assert "reading clips[/b]" in shown(pilot, "#log"), "what it prints is neither markup nor escape codes"
        await pilot.press("escape")
        await until(pilot, lambda: "Running here" in shown(pilot))
        await pilot.press("end", "enter")
        await until(pilot, lambda: isinstance(pilot.app.screen, WorkingScreen))
        await pilot.press("x")
        await until(pilot, lambda: "Cancel it?" in shown(pilot))
        await pilot.press("y")
        await until(pilot, lambda: "cancelled" in shown(pilot, "#head"))
        await pilot.press("q")
        await until(pilot, lambda: "Running here" not in shown(pilot))


async def test_runs_are_told_apart_by_their_names_however_long_the_path(own_directories: Path) -> None:
    deep = own_directories / "a-rather-long-folder" / "and-another-one"
    for name in ("fox", "owl"):
        recording = Recording(deep / "runs" / name)
        recording.start()
        recording.steps(3)
        recording.status("finished")
        recording.close()
        recent().remember("runs", recording.run.path)
    async with app(HomeScreen()).run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: "finished" in shown(pilot))
        lines = [line.rstrip() for line in shown(pilot).splitlines() if "finished" in line]
        assert sorted(line[-8:] for line in lines) == ["runs/fox", "runs/owl"]
