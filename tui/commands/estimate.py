"""``estimate``: what a run needs of the card, the host and the disk, before anything is loaded."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from tui.catalog import COMMANDS

if TYPE_CHECKING:
    from presets.memory import Change, Estimate

_BAR = 32
_LEAST = 0.05
"""Categories below this many GB are not listed by name."""
_PHASES = {
    "text_encoding": "text encoding",
    "latent_encoding": "latent encoding (prepare)",
    "load": "load",
    "training_step": "training step",
    "validation": "validation",
    "save": "save",
}
_BASIS = (
    "rests on: sizes of all tensors, computed from shapes; the training step agrees to 1 % with the real network run "
    "without numbers, video encoding and decoding too (the 2.5 decoder roughly); text encoding, sound and host memory "
    "are rough upper bounds; not yet compared with a card: 5 % and 0.6 GB are added for context and fragmentation"
)


@click.command(
    "estimate",
    help=COMMANDS["estimate"] + "\n\nGB are GiB (2^30 bytes). Without --vram the card of this machine counts.",
)
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--vram", type=click.FloatRange(min=0, min_open=True), metavar="GB", help="Memory of the card.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def command(file: Path, vram: float | None, as_json: bool) -> None:
    from presets.memory import GIB, advise, estimate
    from presets.memory.card import card_bytes
    from schemas import load_config
    from trainer.preflight.memory import memory_job

    job = memory_job(load_config(file).config)
    found = estimate(job)
    card = card_bytes() if vram is None else int(vram * GIB)
    changes = advise(found, card) if card is not None else ()
    if as_json:
        click.echo(json.dumps(_plain(found, card, changes), indent=2, ensure_ascii=False))
        return
    for line in _lines(found, card, changes):
        click.echo(line)


def _plain(found: Estimate, card: int | None, changes: tuple[Change, ...]) -> dict[str, Any]:
    answer = found.as_json(card)
    answer["dominant"] = found.dominant
    answer["changes"] = [
        {"path": change.path, "value": change.value, "cost": change.why, "peak_bytes": change.peak_bytes}
        for change in changes
    ]
    answer["basis"] = _BASIS
    return answer


def _lines(found: Estimate, card: int | None, changes: tuple[Change, ...]) -> Iterator[str]:
    run = found.job.run
    kind = "full training" if run.full else f"LoRA rank {run.rank}"
    tokens = " + ".join(f"{run.tokens(name):,} {name}" for name in run.modalities)
    yield f"LTX-{found.job.model.name}, {kind}, {tokens} tokens, batch {run.batch}"
    yield ""
    yield from _bars(found, card)
    yield ""
    yield _verdict(found, card)
    yield f"made of: {_categories(found)}"
    yield f"host memory {_gb(found.host_bytes)}, disk {_gb(found.disk_bytes)}"
    for sentence in found.assumed:
        yield f"assumed: {sentence}"
    if card is not None and not found.fits(card):
        yield from _advice(card, changes)
    yield _BASIS


def _bars(found: Estimate, card: int | None) -> Iterator[str]:
    """One bar per phase, all on the scale of the largest of the phases and the card."""
    widest = max(len(_PHASES[phase]) for phase in found.phases)
    full = max(found.peak_bytes, card or 0)
    for phase in found.phases:
        size = found.total(phase)
        blocks = "█" * max(1, round(_BAR * size / full))
        mark = "  <- most" if phase == found.dominant else ""
        yield f"{_PHASES[phase]:{widest}}  {_gb(size):>9}  {blocks}{mark}"


def _verdict(found: Estimate, card: int | None) -> str:
    peak = f"peak {_gb(found.peak_bytes)} in {_PHASES[found.dominant]}, context and fragmentation included"
    if card is None:
        return f"{peak}; no card is known here: give --vram GB"
    if found.fits(card):
        return f"{peak}: fits a card of {_gb(card)}, {_gb(card - found.peak_bytes)} to spare"
    return f"{peak}: does not fit a card of {_gb(card)}, {_gb(found.peak_bytes - card)} too much"


def _categories(found: Estimate) -> str:
    from presets.memory import GIB

    sizes = sorted(found.phases[found.dominant].items(), key=lambda item: -item[1])
    return ", ".join(f"{name} {_gb(size)}" for name, size in sizes if size >= _LEAST * GIB)


def _advice(card: int, changes: tuple[Change, ...]) -> Iterator[str]:
    if not changes:
        yield "to fit: nothing in the configuration helps enough; use smaller or shorter clips, or a larger card"
        return
    yield "to need less, one after the other:"
    for number, change in enumerate(changes, start=1):
        value = json.dumps(change.value)
        left = "fits then" if change.peak_bytes <= card else f"then {_gb(change.peak_bytes)}"
        yield f"  {number}. {change.path}: {value} - {left} ({change.why})"
    if changes[-1].peak_bytes > card:
        yield "  that is not enough: use smaller or shorter clips, or a larger card"


def _gb(size: int) -> str:
    from presets.memory import GIB

    return f"{size / GIB:.1f} GB"
