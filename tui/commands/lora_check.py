"""``lora-check``: whether a LoRA file learned anything and can be read elsewhere."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from schemas.errors import EXIT_NUMERIC, EXIT_OK
from tui.catalog import COMMANDS

if TYPE_CHECKING:
    from trainer.preflight.lora_health import LoraHealth

_STRONGEST = 5


@click.command("lora-check", help=COMMANDS["lora-check"] + "\n\nExit 5 when it holds NaN or changes nothing at all.")
@click.argument("file", metavar="FILE", type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_context
def command(ctx: click.Context, file: Path, as_json: bool) -> None:
    from trainer.preflight.lora_health import examine_lora

    health = examine_lora(file.expanduser())
    if as_json:
        click.echo(json.dumps(plain(health), indent=2, ensure_ascii=False))
    else:
        for line in _lines(health):
            click.echo(line)
    ctx.exit(EXIT_OK if health.ok else EXIT_NUMERIC)


def plain(health: LoraHealth) -> dict[str, Any]:
    """The stable form."""
    from trainer.preflight.lora_health import findings

    return {
        "ok": health.ok,
        "modules": len(health.modules),
        "dead": [module.name for module in health.dead],
        "nan": [module.name for module in health.broken],
        "delta_rms": health.delta_rms if math.isfinite(health.delta_rms) else None,
        "share": health.shares(),
        "format": health.format,
        "ranks": sorted({module.rank for module in health.modules}),
        "parameters": sum(module.parameters for module in health.modules),
        "metadata": dict(health.metadata),
        "findings": list(findings(health)),
    }


def _lines(health: LoraHealth) -> Iterator[str]:
    from trainer.preflight.lora_health import findings

    ranks = ", ".join(str(rank) for rank in sorted({module.rank for module in health.modules}))
    parameters = sum(module.parameters for module in health.modules)
    yield f"{health.path}: {len(health.modules)} modules, rank {ranks}, {parameters:,} parameters"
    yield f"  names      {health.format}"
    yield f"  delta RMS  {health.delta_rms:.3e} over all changed weights"
    shares = ", ".join(f"{name} {share:.1%}" for name, share in health.shares().items() if share)
    yield f"  change     {shares or 'none'}"
    strongest = sorted((module for module in health.modules if module.finite), key=lambda one: -one.delta_rms)
    for module in strongest[:_STRONGEST]:
        yield f"    {module.delta_rms:.3e}  {module.name}"
    for finding in findings(health):
        yield f"! {finding}"
    yield "sound" if health.ok else "not usable"
