"""``diff``: what differs between two configurations."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from tui.catalog import COMMANDS

_PRESET = "preset:"


@click.command(
    "diff",
    help=COMMANDS["diff"]
    + "\n\nDefaults are resolved first. A and B are files or preset:NAME. Fields marked * make another model: "
    "a run cannot go on across such a change.",
)
@click.argument("left", metavar="A")
@click.argument("right", metavar="B")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def command(left: str, right: str, as_json: bool) -> None:
    from schemas.diff import diff
    from schemas.emitting import inline

    differences = diff(_config(left), _config(right))
    if as_json:
        click.echo(json.dumps([asdict(difference) for difference in differences], indent=2, ensure_ascii=False))
        return
    if not differences:
        click.echo("no difference")
    for found in differences:
        mark = "*" if found.training else " "
        before = "(not there)" if found.change == "added" else inline(found.left, plain=True)
        after = "(not there)" if found.change == "removed" else inline(found.right, plain=True)
        click.echo(f"{mark} {found.path}: {before} -> {after}")


def _config(source: str) -> Any:
    import presets
    from schemas import load_config

    if source.startswith(_PRESET):
        return presets.load(source.removeprefix(_PRESET))
    return load_config(Path(source)).config
