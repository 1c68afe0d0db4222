"""From home to a saved file by keys alone, once for each goal; and what may go wrong on the way."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot

import presets
from schemas import load_config
from tests.tui.app.support import app, shown, type_ahead, until
from tests.tui.guide.world import write_world
from tui.app.screens.data import DataScreen
from tui.app.screens.goal import GoalScreen
from tui.app.screens.guided import Guided
from tui.app.screens.home import HomeScreen
from tui.app.screens.model import ModelScreen
from tui.app.screens.picker import PickerScreen
from tui.app.screens.value import ValueScreen
from tui.checking import check_file

ALWAYS = ("v2v_ic_lora", "audio_inpainting_lora")
"""Goals whose stories are told in every run; the others are like one of them."""


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_world(tmp_path_factory.mktemp("world"))


@pytest.fixture(autouse=True)
def here(world: Path, own_directories: Path) -> Path:
    """The world lies in the working directory under short names."""
    for part in world.iterdir():
        (own_directories / part.name).symlink_to(part)
    return own_directories


class Typist:
    """Presses keys and counts them; the text of paths and names is not counted."""

    def __init__(self, pilot: Pilot[Any]) -> None:
        self.pilot = pilot
        self.strokes = 0

    async def press(self, *keys: str) -> None:
        self.strokes += len(keys)
        await type_ahead(self.pilot, *keys)

    async def text(self, text: str) -> None:
        await type_ahead(self.pilot, *text)

    async def at(self, *screens: type[Any]) -> None:
        await until(self.pilot, lambda: isinstance(self.pilot.app.screen, screens))

    async def at_step(self, name: str) -> None:
        def there() -> bool:
            screen = self.pilot.app.screen
            return isinstance(screen, Guided) and screen.step == name

        await until(self.pilot, there)

    async def enter_path(self, path: str) -> None:
        """Into the field under the cursor."""
        await self.press("enter")
        await self.at(ValueScreen)
        await self.press("ctrl+u")
        await self.text(path)
        await self.press("enter")
        await self.at(Guided)

    async def goal(self, name: str) -> None:
        await self.press("n")
        await self.at(GoalScreen)
        await self.press(*["down"] * presets.names().index(name), "enter")
        await self.at(ModelScreen)

    async def files(self) -> None:
        await self.enter_path("m.safetensors")  # the text encoder, which is missing too, comes under the cursor
        await self.enter_path("gemma")
        await self.press("tab")
        await self.at(DataScreen)
        await self.enter_path("data")

    async def card(self, size: int) -> None:
        await self.press("6")
        await self.at_step("hardware")
        await self.press(*["down"] * presets.tiers().index(size), "enter")

    async def field(self, path: str, text: str, accept: str = "enter") -> None:
        """To a field by its name, wherever it is, and a value into it."""
        await self.press("colon")
        await self.at(PickerScreen)
        await self.text(path)
        await self.press("enter")
        await self.at(Guided)
        await until(self.pilot, lambda: path in shown(self.pilot))
        await self.press("enter")
        await until(self.pilot, lambda: not isinstance(self.pilot.app.screen, Guided))
        await self.press("ctrl+u")
        await self.text(text)
        await self.press(accept)
        await self.at(Guided)

    async def save(self) -> None:
        await self.press("ctrl+s")
        await self.at(ValueScreen)
        await self.press("enter")
        await self.at(Guided)


def errors(path: Path) -> Iterable[str]:
    report = check_file(path).report
    return [f"{one.path}: {one.message}" for one in report.problems if one.severity == "error"]


@pytest.mark.parametrize(
    "goal", [name if name in ALWAYS else pytest.param(name, marks=pytest.mark.slow) for name in presets.names()]
)
async def test_each_goal_leads_to_a_file_that_passes_the_check(goal: str, here: Path) -> None:
    async with app(HomeScreen()).run_test(size=(100, 30)) as pilot:
        typist = Typist(pilot)
        await typist.goal(goal)
        await typist.files()
        await typist.save()
        await until(pilot, (here / f"{goal}.yaml").exists)
    assert errors(here / f"{goal}.yaml") == []
    config = load_config(here / f"{goal}.yaml").config
    strategy = presets.load(goal)["training_strategy"]
    assert config.training_strategy.model_dump(mode="json", exclude_unset=True).keys() <= strategy.keys()
    assert str(config.model.model_path) == "m.safetensors"


async def test_a_configuration_for_32_gb_takes_25_keys_at_most(here: Path) -> None:
    async with app(HomeScreen()).run_test(size=(80, 24)) as pilot:
        typist = Typist(pilot)
        await typist.goal("t2v_lora")
        await typist.files()
        await typist.card(32)
        await typist.save()
        await until(pilot, (here / "t2v_lora.yaml").exists)
        assert typist.strokes <= 25
    config = load_config(here / "t2v_lora.yaml").config
    assert config.acceleration.quantization == presets.load("t2v_lora", vram=32)["acceleration"]["quantization"]


def based_on(screen: Guided) -> str | None:
    return screen.draft.preset


async def test_steps_are_taken_in_any_order_and_what_was_typed_stays() -> None:
    async with app(HomeScreen()).run_test(size=(120, 40)) as pilot:
        typist = Typist(pilot)
        await typist.press("n")
        await typist.at(GoalScreen)
        await typist.press("3")
        await typist.at(DataScreen)
        await typist.enter_path("data")
        await until(pilot, lambda: "3 complete clips" in shown(pilot, "#facts"))
        await typist.press("escape", "shift+tab")
        await typist.at(GoalScreen)
        await typist.press("end", "enter")
        await typist.at(ModelScreen)
        screen = pilot.app.screen
        assert isinstance(screen, Guided)
        assert screen.draft.get("data.preprocessed_data_root") == "data"
        assert based_on(screen) == presets.names()[-1]
        await typist.press("1")
        await typist.at(GoalScreen)
        await typist.press("u")
        assert based_on(screen) is None, "what a choice was based on is undone with it"
        assert screen.draft.get("data.preprocessed_data_root") == "data"


async def test_only_the_launch_is_gated_and_it_leads_to_what_is_wrong() -> None:
    async with app(HomeScreen()).run_test(size=(100, 30)) as pilot:
        typist = Typist(pilot)
        await typist.goal("i2v_lora")
        await typist.field("lora.rank", "1")
        await typist.press("1")
        await typist.at(GoalScreen)
        await typist.press("f9")
        await until(pilot, lambda: "things are in the way" in shown(pilot))
        text = shown(pilot)
        assert "lora.rank" in text
        assert "no checkpoint here" in text
        assert "there is nothing at this path" in text
        await typist.press("enter")
        await typist.at_step("targets")
        await typist.press("f9")
        await until(pilot, lambda: "things are in the way" in shown(pilot))
        await typist.press("down", "enter")
        await typist.at(ModelScreen)
        assert "2✔" not in shown(pilot, "#rail")


async def test_what_the_files_are_is_read_and_said(here: Path) -> None:
    async with app(HomeScreen()).run_test(size=(80, 24)) as pilot:
        typist = Typist(pilot)
        await typist.goal("t2v_lora")
        await typist.enter_path("m.safetensors")
        await until(pilot, lambda: "LTX-2.3" in shown(pilot, "#facts"))
        facts = shown(pilot, "#facts")
        assert "unified layout" in facts
        assert "video VAE" in facts
        assert "wants: a Gemma 3 directory" in facts
        assert "not on this machine" in facts
        await typist.enter_path("gemma")
        await until(pilot, lambda: "it matches" in shown(pilot, "#facts"))
        assert "2✔" in shown(pilot, "#rail")
        (here / "broken.safetensors").write_bytes(b"\x1b]0;no\x07" * 9)
        await typist.press("up")
        await typist.enter_path("broken.safetensors")
        await until(pilot, lambda: "✖" in shown(pilot, "#facts"))
        assert "2✖" in shown(pilot, "#rail")
        assert "\x1b" not in shown(pilot)


async def test_an_older_file_is_never_replaced_unasked(here: Path) -> None:
    (here / "i2v_lora.yaml").write_text("mine: 1\n")
    async with app(HomeScreen()).run_test(size=(100, 30)) as pilot:
        typist = Typist(pilot)
        await typist.goal("i2v_lora")
        await typist.press("ctrl+s")
        await typist.at(ValueScreen)
        await typist.press("enter")
        await until(pilot, lambda: "It exists already" in shown(pilot))
        await typist.press("n")
        await typist.at(ModelScreen)
        assert (here / "i2v_lora.yaml").read_text() == "mine: 1\n"
        await typist.press("q")
        await until(pilot, lambda: "Leave without saving?" in shown(pilot))
        await typist.press("y")
        await typist.at(HomeScreen)
    assert list((Path(os.environ["XDG_STATE_HOME"]) / "ltx2-wizard").glob("drafts/*")) == []
