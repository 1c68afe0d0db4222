"""What a first user stumbled over on the guided path."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
from textual import events

from tests.tui.app.support import app, shown, until
from tui.app.screens.goal import GoalScreen
from tui.app.screens.guided import Guided
from tui.app.screens.home import HomeScreen
from tui.app.screens.picker import PickerScreen
from tui.app.screens.prepare import PrepareScreen
from tui.app.screens.steps import step_screen
from tui.app.screens.value import ValueScreen
from tui.app.screens.wizard import WizardScreen
from tui.app.screens.working import WorkingScreen
from tui.forms.opening import open_draft
from tui.guide.guide import Guide
from tui.guide.preparation_form import preparation_draft
from tui.guide.steps import INDEX, STEPS, Obstacle, refuse
from tui.launch import PYTHON_VARIABLE


def guide() -> Guide:
    made = Guide.new()
    made.choose_goal("t2v_lora")
    return made


async def test_keys_behind_a_jump_to_another_step_act_on_the_field_jumped_to(own_directories: Path) -> None:
    async with app(step_screen(guide(), "validation")).run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: isinstance(pilot.app.screen, Guided))
        await pilot.press("colon")
        await until(pilot, lambda: isinstance(pilot.app.screen, PickerScreen))
        await pilot.press(*"quantization")
        for _ in range(2):
            pilot.app.post_message(events.Key("enter", "\r"))
        await until(pilot, lambda: isinstance(pilot.app.screen, PickerScreen) and "quanto" in shown(pilot))
        assert "acceleration.quantization" in shown(pilot)


async def test_a_jump_shows_a_field_that_is_hidden(own_directories: Path) -> None:
    async with app(step_screen(guide(), "model")).run_test(size=(80, 24)) as pilot:
        screen = pilot.app.screen
        assert isinstance(screen, Guided)
        screen.action_go("validation", "validation.stg_blocks[0]")
        await until(pilot, lambda: "validation.stg_blocks" in shown(pilot))


async def test_the_title_says_what_is_valid_and_what_is_missing(own_directories: Path) -> None:
    async with app(step_screen(guide(), "optimization")).run_test(size=(120, 30)) as pilot:
        await until(pilot, lambda: "settings valid, not ready: Model files, Data" in shown(pilot))


def test_a_step_in_which_the_check_found_something_is_marked_until_it_changes() -> None:
    made = guide()
    step = STEPS[INDEX["validation"]]
    refuse(made, [Obstacle("validation", "validation.stg_blocks[0]", "no such block")])
    assert step.state(made).mark == "wrong"
    made.draft.set("optimization.steps", 3)
    assert step.state(made).mark == "wrong"
    made.draft.set("validation.stg_blocks", [1])
    assert step.state(made).mark != "wrong"


async def test_preparing_wants_buckets_comes_back_from_a_failure_and_leads_on(
    own_directories: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stand_in = own_directories / "prepare.py"
    stand_in.write_text("import sys, pathlib\nsys.exit(0 if pathlib.Path('good').exists() else 1)\n")
    monkeypatch.setenv(PYTHON_VARIABLE, f"{sys.executable} {stand_in}")
    dataset = own_directories / "clips.json"
    dataset.write_text(json.dumps([{"caption": "a", "media_path": "a.mp4"}]))
    draft = preparation_draft(None, dataset)
    draft.set("model_path", "m")
    draft.set("text_encoder_path", "g")
    async with app(HomeScreen()).run_test(size=(80, 24)) as pilot:
        await pilot.app.push_screen(PrepareScreen(draft, lambda _options: None, alone=True))
        await until(pilot, lambda: "Buckets: a dataset with videos needs" in shown(pilot, "#title"))
        await pilot.press("s")
        await until(pilot, lambda: "resolution_buckets" in shown(pilot, "#doc"))
        draft.set("resolution_buckets", [[64, 64, 9]])
        await pilot.press("s")
        await until(pilot, lambda: "failed with exit code 1" in shown(pilot))
        assert "Cancel" not in shown(pilot, "#keybar")
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(pilot.app.screen, PrepareScreen))
        await pilot.press("q")
        await until(pilot, lambda: "Leave without preparing?" in shown(pilot))
        await pilot.press("n")
        (own_directories / "good").touch()
        await pilot.press("s")
        await until(pilot, lambda: isinstance(pilot.app.screen, WorkingScreen) and "Use it" in shown(pilot))
        await pilot.press("n")
        await until(pilot, lambda: isinstance(pilot.app.screen, GoalScreen))
        assert pilot.app.screen.draft.get("data.preprocessed_data_root") == str(own_directories)  # type: ignore[attr-defined]


async def test_saving_under_another_name_asks_before_it_makes_a_folder(own_directories: Path) -> None:
    async with app(step_screen(guide(), "model")).run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: isinstance(pilot.app.screen, Guided))
        for answer in ("n", "y"):
            await pilot.press("S")
            await until(pilot, lambda: isinstance(pilot.app.screen, ValueScreen))
            await pilot.press("ctrl+u", "n", "slash", *"x.yaml", "enter")
            await until(pilot, lambda: "Make the folder" in shown(pilot))
            await pilot.press(answer)
            await until(pilot, lambda: isinstance(pilot.app.screen, Guided))
            assert (own_directories / "n" / "x.yaml").exists() == (answer == "y")


async def test_an_older_file_that_was_only_looked_at_is_left_unasked(own_directories: Path) -> None:
    path = own_directories / "old.yaml"
    path.write_text("training_strategy: {name: text_to_video}\nmodel: {model_path: /m}\n")
    draft, notes = open_draft(path)
    assert notes
    assert draft.dirty
    respelled = [draft.only_respelled]
    draft.set("seed", 3)
    respelled.append(draft.only_respelled)
    draft.undo()
    assert respelled == [True, False]
    async with app(WizardScreen(draft)).run_test(size=(80, 24)) as pilot:
        await pilot.press("q")
        await until(pilot, lambda: not pilot.app.is_running)


async def test_a_list_of_numbers_is_one_line_and_enter_takes_it(own_directories: Path) -> None:
    made = guide()
    async with app(step_screen(made, "validation")).run_test(size=(80, 24)) as pilot:
        screen = pilot.app.screen
        assert isinstance(screen, Guided)
        screen.jump("validation.stg_blocks")
        await pilot.press("enter")
        await until(pilot, lambda: "numbers with commas between" in shown(pilot))
        await pilot.press("ctrl+u", *"28,29", "enter")
        await until(pilot, lambda: made.draft.get("validation.stg_blocks") == [28, 29])


async def test_the_palette_keeps_names_apart_from_titles(own_directories: Path) -> None:
    async with app(step_screen(guide(), "model")).run_test(size=(50, 24)) as pilot:
        await pilot.press("colon")
        await until(pilot, lambda: isinstance(pilot.app.screen, PickerScreen))
        await pilot.press(*"sampling_mode")
        await until(pilot, lambda: "sampling_mode  Noise" in shown(pilot))
        assert "…" in shown(pilot)
