"""``runs``: every run below a folder and what became of it."""

from __future__ import annotations

import json
import math
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from tui.catalog import COMMANDS

if TYPE_CHECKING:
    from trainer.rundir.runs import RunSummary


@click.command(
    "runs", help=COMMANDS["runs"] + "\n\nWithout DIR: ./outputs and every run started or watched from this account."
)
@click.argument("folder", metavar="[DIR]", required=False, type=click.Path(exists=True, path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def command(folder: Path | None, as_json: bool) -> None:
    from trainer.rundir.runs import list_runs
    from tui.recent import run_roots

    found = list_runs(run_roots(folder))
    if as_json:
        click.echo(json.dumps([_plain(run) for run in found], indent=2, ensure_ascii=False))
        return
    if not found:
        click.echo(f"no runs below {folder or 'outputs'}")
        return
    from tui.tables import table

    now = time.time()
    rows = [_row(run, now) for run in found]
    for line in table(("RUN", "STATE", "STEP", "LOSS", "SEEN"), rows):
        click.echo(line)


def _plain(run: RunSummary) -> dict[str, Any]:
    loss = run.loss if run.loss is not None and math.isfinite(run.loss) else None
    return {
        "dir": str(run.dir),
        "state": run.state,
        "step": run.step,
        "total": run.total,
        "loss": loss,
        "updated": run.updated,
        "phase": run.phase,
        "message": run.message,
    }


def _row(run: RunSummary, now: float) -> tuple[str, ...]:
    from tui.charts.ticks import short
    from tui.monitor.wording import duration

    steps = f"{run.step}/{run.total}" if run.total else str(run.step)
    loss = short(run.loss) if run.loss is not None else "-"
    return str(run.dir), run.state, steps, loss, f"{duration(now - run.updated)} ago" if run.updated else "-"
