"""An empty screen that asks for a preset and gives way to the wizard; what `new` without a preset opens."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

from textual.screen import Screen

from tui.app.screens.presets import choose_preset
from tui.app.screens.wizard import WizardScreen
from tui.forms.draft import Draft


class StartScreen(Screen[None]):
    """Shows nothing of its own."""

    CONTEXTS: ClassVar[tuple[str, ...]] = ("picker",)

    def __init__(self, *, vram: float | None = None, path: Path | None = None) -> None:
        super().__init__()
        self._vram = vram
        self._path = path

    def on_mount(self) -> None:
        choose_preset(self.app, self._chosen, vram=self._vram, path=self._path)

    def _chosen(self, draft: Draft | None) -> None:
        if draft is None:
            self.app.exit(0)
        else:
            self.app.switch_screen(WizardScreen(draft, vram=self._vram))
