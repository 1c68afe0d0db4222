"""How the guide looks. Renew with ``pytest tests/tui/app --snapshot-update``."""

from __future__ import annotations

from typing import Any

import pytest
from textual.pilot import Pilot

from tests.tui.app.support import app, shown, until
from tui.app.screens.goal import GoalScreen
from tui.app.screens.home import HomeScreen
from tui.app.screens.steps import step_screen
from tui.guide.guide import Guide


def guide(name: str = "i2v_lora") -> Guide:
    made = Guide.new()
    made.choose_goal(name)
    made.draft.set("lora.rank", 1)  # with an error in it no title shows an estimate, whose figures belong elsewhere
    return made


async def settled(pilot: Pilot[Any]) -> None:
    await until(pilot, lambda: "✖" in shown(pilot, "#rail"))
    await pilot.pause(0.3)


@pytest.mark.parametrize("size", [(60, 15), (80, 24), (120, 40), (200, 55)])
def test_goal(snap_compare: Any, size: tuple[int, int]) -> None:
    assert snap_compare(app(GoalScreen(guide("v2v_ic_lora"))), terminal_size=size, run_before=settled)


def test_goal_without_colour(snap_compare: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    assert snap_compare(app(GoalScreen(guide())), terminal_size=(80, 24), run_before=settled)


def test_model_files(snap_compare: Any) -> None:
    assert snap_compare(app(step_screen(guide(), "model")), terminal_size=(120, 40), run_before=settled)


def test_what_is_in_the_way(snap_compare: Any) -> None:
    async def ready(pilot: Pilot[Any]) -> None:
        await settled(pilot)
        await pilot.press("f9")
        await until(pilot, lambda: "in the way" in shown(pilot))
        await pilot.pause(0.2)

    assert snap_compare(app(step_screen(guide(), "data")), terminal_size=(80, 24), run_before=ready)


def test_home_on_the_first_day(snap_compare: Any) -> None:
    async def ready(pilot: Pilot[Any]) -> None:
        await until(pilot, lambda: "Doctor" in shown(pilot))
        await pilot.pause(0.3)

    assert snap_compare(app(HomeScreen()), terminal_size=(80, 24), run_before=ready)
