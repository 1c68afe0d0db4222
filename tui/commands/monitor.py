"""``monitor``: watch a run, any run, from any terminal."""

from __future__ import annotations

from pathlib import Path

import click

from schemas.errors import UsageError
from tui.catalog import COMMANDS


@click.command(
    "monitor",
    help=COMMANDS["monitor"] + "\n\nWithout RUN: the run that was alive last. Quitting leaves the trainer alone.",
)
@click.argument("run", required=False, type=click.Path(path_type=Path))
def command(run: Path | None) -> int:
    from tui.terminal import require_drawing

    folder = resolve_run(run)
    require_drawing("use `ltx2-wizard runs` or read events.jsonl in the run directory")
    from tui.app.entry import open_monitor

    return open_monitor(folder)


def resolve_run(run: Path | None) -> Path:
    """The run directory meant by an argument, or the newest one known. Raises UsageError when there is none."""
    from trainer.rundir.runs import is_run, list_runs
    from tui.recent import run_roots

    if run is not None:
        if not run.is_dir():
            raise UsageError(f"no such run directory: {run}", hint="`ltx2-wizard runs` lists them")
        if not is_run(run):
            found = list_runs([run])
            if not found:
                raise UsageError(f"{run} is not a run directory and holds none", hint="give the output_dir of a run")
            return found[0].dir
        return run
    found = list_runs(run_roots())
    if not found:
        raise UsageError("no runs below ./outputs and none remembered", hint="give the output_dir of a run")
    return found[0].dir
