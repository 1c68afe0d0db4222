"""``presets``: what there is to start from."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from tui.catalog import COMMANDS

if TYPE_CHECKING:
    from presets import PresetInfo


@click.command("presets", help=COMMANDS["presets"])
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def command(as_json: bool) -> None:
    import presets
    from tui.tables import table

    found = [presets.describe(name) for name in presets.names()]
    if as_json:
        click.echo(json.dumps([asdict(preset) for preset in found], indent=2, ensure_ascii=False))
        return
    rows = [
        (preset.name, preset.task, preset.video or "-", preset.audio or "-", _extra(preset), _sizes(preset))
        for preset in found
    ]
    for line in table(("PRESET", "TASK", "VIDEO", "AUDIO", "EXTRA DATA", "GB"), rows):
        click.echo(line)


def _extra(preset: PresetInfo) -> str:
    usual = ("conditions", "latents", "audio_latents")
    return ", ".join(name for name in preset.directories if name not in usual) or "-"


def _sizes(preset: PresetInfo) -> str:
    return ", ".join(map(str, preset.tiers))
