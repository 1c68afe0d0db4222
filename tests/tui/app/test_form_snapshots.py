"""How the form looks at the sizes it is made for. Renew with ``pytest tests/tui/app --snapshot-update``."""

from __future__ import annotations

from typing import Any

import pytest
from textual.pilot import Pilot

from tests.tui.app.support import app, go, until
from tests.tui.forms.support import small
from tui.app.screens.picker import PickerScreen
from tui.app.screens.review import ReviewScreen
from tui.app.screens.wizard import WizardScreen
from tui.forms.draft import Draft


def changed() -> Draft:
    """Changes against a preset, and an error: with one the title shows no estimate, whose figures are others' tests."""
    draft = Draft.new(small(), preset="t2v_lora")
    draft.set("lora.alpha", 16)
    draft.set("lora.rank", 1)
    return draft


async def at_the_error(pilot: Pilot[Any]) -> None:
    await go(pilot, "lora.rank")
    await pilot.pause()


@pytest.mark.parametrize("size", [(80, 24), (120, 40), (200, 55)])
def test_fields(snap_compare: Any, size: tuple[int, int]) -> None:
    assert snap_compare(app(WizardScreen(changed())), terminal_size=size, run_before=at_the_error)


def test_fields_without_colour(snap_compare: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    program = app(WizardScreen(changed()))
    assert program.theme == "terminal"
    assert snap_compare(program, terminal_size=(80, 24), run_before=at_the_error)


def test_fields_on_a_light_background(snap_compare: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LTX2_WIZARD_THEME", "light")
    assert snap_compare(app(WizardScreen(changed())), terminal_size=(80, 24), run_before=at_the_error)


def test_review_against_the_preset(snap_compare: Any) -> None:
    async def ready(pilot: Pilot[Any]) -> None:
        await pilot.press("p")
        await pilot.pause()

    assert snap_compare(app(ReviewScreen(changed())), terminal_size=(80, 24), run_before=ready)


def test_palette(snap_compare: Any) -> None:
    async def ready(pilot: Pilot[Any]) -> None:
        await pilot.press("colon", *"rank")
        await until(pilot, lambda: isinstance(pilot.app.screen, PickerScreen))
        await pilot.pause()

    assert snap_compare(app(WizardScreen(changed())), terminal_size=(80, 24), run_before=ready)
