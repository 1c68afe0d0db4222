from __future__ import annotations

import presets
from presets.gpus import Driver, Gpu
from presets.memory import GIB
from tests.tui.app.support import app, shown, until
from tui.app.screens.hardware import HardwareScreen
from tui.app.screens.proposals import ProposalScreen
from tui.forms.draft import Draft
from tui.hardware.weighing import Machine

GPU = Gpu(0, "NVIDIA GeForce RTX 5090", 32 * GIB, GIB, 0, (12, 0), "570.86")
NO_GPU = Machine(Driver((), None, "no driver is seen here"), 64 * GIB)
ONE_GPU = Machine(Driver((GPU,), (12, 8)), 64 * GIB)


def _draft(vram: float | None = None) -> Draft:
    return Draft.new(presets.load("t2v_lora", vram=vram), preset="t2v_lora")


async def test_a_tier_is_chosen_and_taken_back() -> None:
    draft = _draft()
    async with app(HardwareScreen(draft, machine=NO_GPU)).run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: "no driver is seen here" in shown(pilot) and "needs" in shown(pilot, "#title"))
        screen = pilot.app.screen
        assert isinstance(screen, HardwareScreen)
        screen.rows.go(screen.view.index_of("tier:32") or 0)
        await pilot.press("enter")
        await until(pilot, lambda: "of 32 GB - fits" in shown(pilot))
        assert draft.get("acceleration.quantization") == "int8-quanto"
        assert screen.vram == 32
        await pilot.press("u")
        assert draft.get("acceleration.quantization") is None
        await until(pilot, lambda: "does not fit" in shown(pilot))


async def test_the_bars_change_with_every_key_on_a_lever() -> None:
    draft = _draft(32)
    async with app(HardwareScreen(draft, machine=ONE_GPU)).run_test(size=(120, 45)) as pilot:
        await until(pilot, lambda: "RTX 5090" in shown(pilot) and "of 32 GB - fits" in shown(pilot))
        screen = pilot.app.screen
        assert isinstance(screen, HardwareScreen)
        before = shown(pilot, "#title")
        screen.rows.go(screen.view.index_of("lever:lora.rank") or 0)
        await pilot.press("right", "right", "right")
        await until(pilot, lambda: shown(pilot, "#title") != before)
        assert draft.get("lora.rank") > 16


async def test_proposals_are_applied_only_when_chosen() -> None:
    draft = _draft()
    async with app(HardwareScreen(draft, vram=24, machine=NO_GPU)).run_test(size=(100, 40)) as pilot:
        await until(pilot, lambda: "does not fit: press f" in shown(pilot))
        before = draft.data
        await pilot.press("f")
        await until(pilot, lambda: isinstance(pilot.app.screen, ProposalScreen) and "GB" in shown(pilot))
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(pilot.app.screen, HardwareScreen))
        assert draft.data is before
        await pilot.press("f")
        await until(pilot, lambda: isinstance(pilot.app.screen, ProposalScreen) and "host memory" in shown(pilot))
        await pilot.press("enter")
        await until(pilot, lambda: "of 24 GB - fits" in shown(pilot))
        await pilot.press("u")
        assert draft.data == before


async def test_small_terminals_and_drafts_that_are_wrong() -> None:
    draft = _draft()
    draft.set("lora.rank", "many")
    async with app(HardwareScreen(draft, vram=32, machine=NO_GPU)).run_test(size=(60, 15)) as pilot:
        await until(pilot, lambda: "Set up for a card of" in shown(pilot))
        await pilot.press("f", "end", "w", "home")
        await until(pilot, lambda: len(shown(pilot, "#title").split()) > 1)
