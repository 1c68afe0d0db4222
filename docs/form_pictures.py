"""Draws the pictures of the form: ``python docs/form_pictures.py``."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tui.terminal import prepare_environment

prepare_environment()

if TYPE_CHECKING:
    from textual.screen import Screen

IMAGES = Path(__file__).parent / "images"
TO_RANK = ("colon", *"lora.rank", "enter")


async def draw(screen: Screen[Any], name: str, *keys: str, size: tuple[int, int] = (100, 30)) -> None:
    """Show ``screen`` in a terminal, press ``keys`` and save what is there."""
    from tui.app.app import WizardApp

    app = WizardApp(screen)
    async with app.run_test(size=size) as pilot:
        await pilot.pause(1.5)
        await pilot.press(*keys)
        await pilot.pause(1.5)
        (IMAGES / f"{name}.svg").write_text(app.export_screenshot(title="ltx2-wizard"), encoding="utf-8")


def main() -> None:
    """The form on a preset with two changes, at the sizes it is made for."""
    from tui.app.screens.presets import preset_draft
    from tui.app.screens.review import ReviewScreen
    from tui.app.screens.wizard import WizardScreen

    draft = preset_draft("i2v_lora", vram=32)
    draft.set("lora.rank", 24)
    draft.set("optimization.steps", 1500)
    asyncio.run(draw(WizardScreen(draft, vram=32), "wizard", *TO_RANK))
    for size in ((80, 24), (120, 40), (200, 55)):
        asyncio.run(draw(WizardScreen(draft, vram=32), f"form-{size[0]}x{size[1]}", *TO_RANK, size=size))
    asyncio.run(draw(ReviewScreen(draft), "review", "p"))


if __name__ == "__main__":
    main()
