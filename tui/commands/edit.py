"""``edit``: the wizard on an existing configuration."""

from __future__ import annotations

from pathlib import Path

import click

from tui.catalog import COMMANDS


@click.command("edit", help=COMMANDS["edit"])
@click.argument("file", type=click.Path(path_type=Path))
def command(file: Path) -> int:
    from schemas import ConfigDocument
    from tui.terminal import require_drawing

    ConfigDocument.read(file)  # a file that is no YAML is told before the terminal is asked for
    require_drawing("edit the file with any editor and run `ltx2-wizard check FILE`")
    from tui.app.entry import open_file

    return open_file(file)
