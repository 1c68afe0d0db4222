"""``presets``: what there is to start from."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from tui.catalog import COMMANDS

if TYPE_CHECKING:
    from presets import PresetInfo


_COLUMNS = (
    "The last columns: GB that the settings for a card of that size need, with LTX-2.3 and clips like the samples."
)


@click.command("presets", help=COMMANDS["presets"] + "\n\n" + _COLUMNS)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def command(as_json: bool) -> None:
    import presets
    from tui.tables import table

    found = [(preset, _needs(preset)) for preset in map(presets.describe, presets.names())]
    if as_json:
        plain = [{**asdict(preset), "vram": needs} for preset, needs in found]
        click.echo(json.dumps(plain, indent=2, ensure_ascii=False))
        return
    tiers = presets.tiers()
    rows = [
        (preset.name, preset.task, preset.video or "-", preset.audio or "-", _extra(preset), *_sizes(needs, tiers))
        for preset, needs in found
    ]
    head = ("PRESET", "TASK", "VIDEO", "AUDIO", "EXTRA DATA", *(f"{tier} GB" for tier in tiers))
    for line in table(head, rows):
        click.echo(line)


def _extra(preset: PresetInfo) -> str:
    usual = ("conditions", "latents", "audio_latents")
    return ", ".join(name for name in preset.directories if name not in usual) or "-"


def _needs(preset: PresetInfo) -> dict[str, dict[str, Any]]:
    """What each tier of a preset needs with the published LTX-2.3 and clips as large as its samples."""
    import presets
    from presets.memory import GIB, Card, weigh
    from schemas import validate
    from trainer.preflight.memory import published_job

    found = {}
    for tier in preset.tiers:
        job = published_job(validate(presets.load(preset.name, vram=tier)))
        answer = weigh(job, Card("", tier * GIB))
        found[str(tier)] = {"peak_bytes": answer.peak_bytes, "dominant": answer.dominant, "model": job.model.name}
    return found


def _sizes(needs: dict[str, dict[str, Any]], tiers: tuple[int, ...]) -> Iterator[str]:
    for tier in tiers:
        need = needs.get(str(tier))
        yield "-" if need is None else f"{need['peak_bytes'] / 2**30:.1f}"
