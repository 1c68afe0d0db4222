"""A strange model is edited, field by field, through the keys of the form."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from textual.pilot import Pilot

from tests.tui.app.support import app, go, shown, type_ahead, until
from tests.tui.forms.toy import Toy
from tui.app.screens.picker import PickerScreen
from tui.app.screens.textbox import TextScreen
from tui.app.screens.value import ValueScreen
from tui.app.screens.wizard import WizardScreen
from tui.forms.draft import Draft


async def edit(pilot: Pilot[Any], path: str, editor: type, *keys: str) -> None:
    """Open the editor of a field, type, and be back at the form."""
    await go(pilot, path)
    await pilot.press("enter")
    await until(pilot, lambda: isinstance(pilot.app.screen, editor))
    await type_ahead(pilot, *keys)
    await until(pilot, lambda: isinstance(pilot.app.screen, WizardScreen))


async def test_every_kind_of_field_is_edited(own_directories: Path) -> None:
    (own_directories / "trips").mkdir()
    (own_directories / "trips" / "first.txt").touch()
    draft = Draft.new({}, model=Toy, path=own_directories / "toy.yaml")
    async with app(WizardScreen(draft)).run_test(size=(120, 40)) as pilot:
        screen = pilot.app.screen
        assert isinstance(screen, WizardScreen)
        await edit(pilot, "label", ValueScreen, "ctrl+u", *"A1", "enter")
        await edit(pilot, "doors", ValueScreen, "up", "enter")
        await edit(pilot, "cylinders", ValueScreen, "ctrl+u", "6", "enter")
        await edit(pilot, "fuel", PickerScreen, *"dies", "enter")
        await edit(pilot, "log", ValueScreen, *"tr", "tab", "tab", "enter")
        await edit(pilot, "notes", TextScreen, *"one", "enter", *"two", "f2")
        await edit(pilot, "extras", TextScreen, *"radio", "enter", *"roof", "f2")
        await edit(pilot, "size", ValueScreen, "ctrl+u", *"5 2 2", "enter")
        await edit(pilot, "papers", TextScreen, *"a: [1, x]", "f2")
        await edit(pilot, "engine.power", ValueScreen, "ctrl+u", *"1e2", "enter")
        screen.action_advanced()
        await go(pilot, "engine.turbo")
        await pilot.press("space")
        await go(pilot, "trailer")
        await pilot.press("space")
        await edit(pilot, "driver", PickerScreen, *"dog", "enter")
        await edit(pilot, "driver.name", ValueScreen, *"Rex", "enter")
        await edit(pilot, "driver", PickerScreen, *"cat", "enter")
        await go(pilot, "wheels")
        await pilot.press("enter")
        await edit(pilot, "pets", PickerScreen, *"cat", "enter")
        await edit(pilot, "pets[0].name", ValueScreen, *"Tom", "enter")
        assert draft.problems == (), draft.problems
        await pilot.press("w")
        await until(pilot, lambda: "saved" in shown(pilot, "#title"))
    made = Toy.model_validate(Draft.open(own_directories / "toy.yaml").data)
    assert made.model_dump(mode="json") == {
        "label": "A1",
        "doors": 5,
        "cylinders": 6,
        "fuel": "diesel",
        "log": "trips/first.txt",
        "notes": "one\ntwo",
        "extras": ["radio", "roof"],
        "size": [5, 2, 2],
        "papers": {"a": [1, "x"]},
        "engine": {"power": 100.0, "turbo": True, "boost": 1.2},
        "trailer": {"size": 16},
        "wheels": [{"size": 16}],
        "driver": {"type": "cat", "name": "Rex", "lives": 9},
        "pets": [{"type": "cat", "name": "Tom", "lives": 9}],
    }
