"""``runs``: every run below a folder, how it goes, and what became of it."""

from __future__ import annotations

import json
import math
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from schemas.errors import UsageError
from tui.catalog import COMMANDS

if TYPE_CHECKING:
    from tui.overview import RunRow


@click.command(
    "runs", help=COMMANDS["runs"] + "\n\nWithout DIR: ./outputs and every run started or watched from this account."
)
@click.argument("folder", metavar="[DIR]", required=False, type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.option("--delete", is_flag=True, help="Delete the run DIR, after a question; never one that is going on.")
@click.option("--yes", is_flag=True, help="With --delete: do not ask.")
def command(folder: Path | None, as_json: bool, delete: bool, yes: bool) -> None:
    from tui.overview import overview
    from tui.recent import run_roots

    if delete:
        _delete(folder, yes)
        return
    found = overview(run_roots(folder))
    for root in found.silent:
        click.echo(f"no answer from {root}: runs there may be missing", err=True)
    if not found.rows and folder is not None and folder not in found.silent and not folder.exists():
        raise UsageError(f"no such directory: {folder}")
    if as_json:
        click.echo(json.dumps([_plain(row) for row in found.rows], indent=2, ensure_ascii=False))
        return
    if not found.rows:
        click.echo(f"no runs below {folder or 'outputs'}")
        return
    from tui.tables import table

    now = time.time()
    head = ("RUN", "STATE", "STEP", "LOSS", "CURVE", "SIZE", "AGE", "SEEN", "VERDICT")
    for line in table(head, [_row(row, now) for row in found.rows]):
        click.echo(line)


def _delete(folder: Path | None, yes: bool) -> None:
    from tui.overview import delete_run, demand_deletable, file_size, folder_size

    if folder is None:
        raise UsageError("--delete needs the run directory to delete")
    demand_deletable(folder)
    if not yes:
        size = file_size(folder_size(folder))
        click.confirm(f"Delete {folder} ({size}) with its checkpoints and samples?", abort=True)
    delete_run(folder)
    click.echo(f"deleted {folder}")


def _plain(row: RunRow) -> dict[str, Any]:
    run = row.summary
    return {
        "dir": str(run.dir),
        "state": run.state,
        "step": run.step,
        "total": run.total,
        "loss": _finite(run.loss),
        "updated": run.updated,
        "phase": run.phase,
        "message": run.message,
        "size_bytes": row.size,
        "began": row.began,
        "curve": [_finite(value) for value in row.curve],
        "verdict": None
        if row.verdict is None
        else {
            "kind": row.verdict.kind,
            "words": row.verdict.words,
            "reason": row.verdict.reason,
            "remedy": row.verdict.remedy,
        },
    }


def _finite(value: float | None) -> float | None:
    return value if value is not None and math.isfinite(value) else None


def _row(row: RunRow, now: float) -> tuple[str, ...]:
    from tui.charts.ticks import short
    from tui.monitor.wording import duration
    from tui.overview import file_size, sparkline
    from tui.text import clean_line

    run = row.summary
    ascii_only = "utf" not in (sys.stdout.encoding or "").lower()
    return (
        clean_line(str(run.dir)),
        run.state,
        f"{run.step}/{run.total}" if run.total else str(run.step),
        short(run.loss) if run.loss is not None else "-",
        sparkline(row.curve, ascii_only=ascii_only),
        file_size(row.size),
        duration(now - row.began) if row.began else "-",
        f"{duration(max(0.0, now - run.updated))} ago" if run.updated else "-",
        clean_line(row.verdict.words) if row.verdict else "-",
    )
