"""Starting from a preset: what is to be learned, then what card it must fit."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from textual.app import App

import presets
from tui.app.screens.picker import Option, PickerScreen
from tui.forms.draft import Draft

Chosen = Callable[[Draft | None], None]


def preset_draft(name: str, *, vram: float | None = None, path: Path | None = None) -> Draft:
    """A draft of a preset. Raises ConfigError for an unknown name or a card below all tiers."""
    return Draft.new(presets.load(name, vram=vram), preset=name, vram=vram, path=path)


def choose_preset(app: App[int], done: Chosen, *, vram: float | None = None, path: Path | None = None) -> None:
    """Ask for the preset, then for the tier unless ``vram`` is given; ``done`` gets the draft, or None."""

    def named(option: Option | None) -> None:
        if option is None:
            done(None)
            return
        if vram is not None or len(presets.describe(option.value).tiers) < 2:
            done(preset_draft(option.value, vram=vram, path=path))
            return
        _choose_tier(app, option.value, done, path)

    options = [
        Option(info.name, info.name, f"{info.title}. {info.description}")
        for info in map(presets.describe, presets.names())
    ]
    app.push_screen(PickerScreen("What should the model learn?", options), named)


def _choose_tier(app: App[int], name: str, done: Chosen, path: Path | None) -> None:
    def chosen(option: Option | None) -> None:
        done(None if option is None else preset_draft(name, vram=option.value, path=path))

    options = [Option(None, "as published", "settings of the published preset, for large cards")]
    options += [
        Option(tier, f"{tier} GB", f"settings for a card of {tier} GB") for tier in presets.describe(name).tiers
    ]
    app.push_screen(PickerScreen(f"{name}: memory of the graphics card?", options), chosen)
