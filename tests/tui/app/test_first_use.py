"""What a first user stumbled over on the guided path."""

from __future__ import annotations

from pathlib import Path

from textual import events

from tests.tui.app.support import app, shown, until
from tui.app.screens.guided import Guided
from tui.app.screens.picker import PickerScreen
from tui.app.screens.steps import step_screen
from tui.guide.guide import Guide
from tui.guide.steps import INDEX, STEPS, Obstacle, refuse


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
