"""``probe``: check, then become the process that takes a few real steps and measures them."""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path

import click

from schemas.errors import EnvironmentFault
from tui.catalog import COMMANDS

MODULE = "trainer.probe"


@click.command(
    "probe",
    help=COMMANDS["probe"]
    + "\n\nTakes real steps at the longest clips, makes one validation sample and one save, in a temporary directory; "
    "prints what each phase took beside its estimate, and how long the whole run will last. On a CUDA card the "
    "measurement sharpens later estimates.",
)
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--steps", type=click.IntRange(min=1), default=5, show_default=True, help="Optimizer steps to take.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def command(file: Path, steps: int, as_json: bool) -> int:
    from schemas import load_config
    from trainer.preflight import check
    from tui.checking import Checked
    from tui.launch import module_command

    loaded = load_config(file)
    # What stands in the run's own directory is no matter here: a probe writes elsewhere.
    elsewhere = Path(tempfile.gettempdir()) / "ltx2-probe"
    config = loaded.config.model_copy(update={"output_dir": elsewhere})
    report = check(config, loaded.document, config_path=file)
    for line in Checked(file, config, report, tuple(map(str, loaded.notes))).lines():
        click.echo(line, err=True)
    if not report.ok:
        return report.exit_code
    words = module_command(MODULE, str(file), "--steps", str(steps), *(["--json"] if as_json else []))
    sys.stdout.flush()
    sys.stderr.flush()
    try:
        os.execvp(words[0], words)  # noqa: S606 - our own interpreter with an argument list
    except OSError as error:
        raise EnvironmentFault(f"{words[0]} cannot be started: {error.strerror}") from error
