"""``estimate``: what a run needs of the card, the host and the disk, before anything is loaded."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from tui.catalog import COMMANDS

if TYPE_CHECKING:
    from presets.memory import Card, JobShape

WISHES = ("best quality", "fastest")


@click.command(
    "estimate",
    help=COMMANDS["estimate"]
    + "\n\nGB are GiB (2^30 bytes). Without --vram the card of this machine counts. When the run does not fit, or with "
    "--wish, ways to fit are ranked: by what they cost in quality, or in time.",
)
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--vram", type=click.FloatRange(min=0, min_open=True), metavar="GB", help="Memory of the card.")
@click.option("--wish", type=click.Choice(WISHES), metavar="WISH", help="Rank ways to fit: 'best quality' or fastest.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def command(file: Path, vram: float | None, wish: str | None, as_json: bool) -> None:
    from presets.memory import weigh
    from schemas import load_config
    from trainer.preflight.memory import memory_job
    from tui.estimating import Answer

    card = _card(vram)
    job = memory_job(load_config(file).config)
    found = weigh(job, card)
    asked = card is not None and (wish is not None or not found.fits(card.memory))
    proposals = _proposals(job, card, wish or WISHES[0]) if card is not None and asked else ()
    answer = Answer(found, card, proposals, wish or WISHES[0])
    if as_json:
        click.echo(json.dumps(answer.as_json(), indent=2, ensure_ascii=False))
        return
    for line in answer.lines():
        click.echo(line)


def _card(vram: float | None) -> Card | None:
    """The card of this machine, or one of the size that is asked about."""
    from presets.memory import GIB
    from presets.memory.card import card, card_of_size

    return card() if vram is None else card_of_size(int(vram * GIB))


def _proposals(job: JobShape, card: Card, wish: Any) -> tuple[Any, ...]:
    from presets.memory import known, solve
    from presets.memory.card import host_memory

    return solve(job, card.memory, host_memory(), wish, known(job, card))
