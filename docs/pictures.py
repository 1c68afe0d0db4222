"""Draws the pictures of the README from a finished run: ``python docs/pictures.py RUN CONFIG``."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from tui.terminal import prepare_environment

prepare_environment()

if TYPE_CHECKING:
    from typing import Any

    from textual.screen import Screen

IMAGES = Path(__file__).parent / "images"


async def draw(screen: Screen[Any], name: str, *keys: str, size: tuple[int, int] = (100, 30)) -> None:
    """Show ``screen`` in a terminal of ``size``, press ``keys`` and save what is there."""
    from tui.app.app import WizardApp

    app = WizardApp(screen)
    async with app.run_test(size=size) as pilot:
        await pilot.pause(1.5)
        for key in keys:
            await pilot.press(key)
        await pilot.pause(1.0)
        (IMAGES / f"{name}.svg").write_text(app.export_screenshot(title="ltx2-wizard"), encoding="utf-8")


def main(run: Path, config: Path) -> None:
    """The guide's pictures are of CONFIG too: its goal, and what its model files are."""
    from tui.app.screens.monitor import MonitorScreen
    from tui.app.screens.wizard import WizardScreen
    from tui.forms.draft import Draft

    asyncio.run(draw(MonitorScreen(run), "monitor", size=(132, 38)))
    asyncio.run(draw(WizardScreen(Draft.open(config)), "wizard", *["down"] * 12))
    draw_guide(config)
    draw_model()


def draw_model() -> None:
    """Target modules and hardware for a preset on a 24 GB card; needs no file."""
    import presets
    from tui.app.screens.hardware import HardwareScreen
    from tui.app.screens.targets import TargetsScreen
    from tui.forms.draft import Draft

    draft = Draft.new(presets.load("t2v_lora", vram=24), preset="t2v_lora")
    asyncio.run(draw(TargetsScreen(draft, vram=24), "targets"))
    asyncio.run(draw(HardwareScreen(draft, vram=24), "hardware", size=(100, 29)))


def draw_guide(config: Path) -> None:
    """Two steps of the guide."""
    from tui.app.screens.steps import step_screen
    from tui.forms.opening import open_draft
    from tui.guide.guide import Guide

    for step, name in (("goal", "goal"), ("model", "guide")):
        asyncio.run(draw(step_screen(Guide(open_draft(config)[0]), step), name))


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
