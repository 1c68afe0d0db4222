"""What comes late, when the screen that asked for it is closing or gone, does nothing."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.tui.app.support import app, until
from tests.tui.forms.support import small
from tui.app.present import after_refresh, present
from tui.app.screens import value
from tui.app.screens.picker import PickerScreen
from tui.app.screens.report import ReportScreen
from tui.app.screens.saving import Saver
from tui.app.screens.value import ValueScreen
from tui.app.screens.wizard import WizardScreen
from tui.forms.draft import Draft


class Held:
    """Work whose answers come when the test says so."""

    def __init__(self) -> None:
        self.waiting: list[asyncio.Future[Any]] = []

    async def __call__(self, _work: Callable[[], Any]) -> Any:
        self.waiting.append(asyncio.get_running_loop().create_future())
        return await self.waiting[-1]


class Answered(ValueScreen):
    """Its completions arrive at the moment when its children have gone and it has not."""

    def __init__(self, held: Held, base: Path) -> None:
        super().__init__("title", "w", base=base)
        self._held = held
        self.drawn = 0

    async def on_unmount(self) -> None:
        assert not self.query("#candidates"), "the order that this is about"
        for future in self._held.waiting:
            future.set_result(["weights/"])
        await asyncio.sleep(0.05)

    def _draw_candidates(self) -> None:
        self.drawn += 1
        super()._draw_candidates()


@pytest.fixture
def held(monkeypatch: pytest.MonkeyPatch) -> Held:
    answers = Held()
    monkeypatch.setattr(value, "in_background", answers)
    return answers


async def test_completions_that_come_while_the_dialog_closes(held: Held, own_directories: Path) -> None:
    dialog = Answered(held, own_directories)
    async with app(PickerScreen("below", [])).run_test(size=(80, 24)) as pilot:
        await pilot.app.push_screen(dialog)
        await until(pilot, lambda: bool(held.waiting))
        await pilot.press("escape")
        await until(pilot, lambda: not dialog.is_attached)
        assert dialog.drawn
        assert dialog.is_mounted
        assert not present(dialog)


async def test_what_waits_for_a_paint_is_dropped_with_its_screen() -> None:
    dialog = ReportScreen("title", ["line"])
    async with app(PickerScreen("below", [])).run_test(size=(80, 24)) as pilot:
        await pilot.app.push_screen(dialog)
        await pilot.pause()
        called: list[str] = []
        after_refresh(dialog, called.append, "open")
        await until(pilot, lambda: called == ["open"])
        dialog.call_after_refresh(called.append, "of nobody")
        after_refresh(dialog, called.append, "late")
        dialog.dismiss(None)
        await until(pilot, lambda: not dialog.is_attached)
        assert called == ["open", "of nobody"], "the screen below paints and calls"


async def test_no_dialog_opens_for_a_screen_that_was_left() -> None:
    left = WizardScreen(Draft.new(small()))
    async with app(PickerScreen("below", [])).run_test(size=(80, 24)) as pilot:
        await pilot.app.push_screen(left)
        await until(pilot, lambda: present(left))
        below = pilot.app.screen_stack[-2]
        left.dismiss("")
        Saver(left)._refused(["why"])
        assert pilot.app.screen is below
        await until(pilot, lambda: not left.is_attached)
        Saver(left)._refused(["why"])
        assert pilot.app.screen is below
