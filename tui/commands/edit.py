"""``edit``: the wizard on an existing configuration."""

from __future__ import annotations

from pathlib import Path

import click

from tui.catalog import COMMANDS


@click.command("edit", help=COMMANDS["edit"])
@click.argument("file", type=click.Path(path_type=Path))
def command(file: Path) -> int:
    from tui.terminal import can_draw, require_drawing

    if not can_draw():  # what is wrong with the file is told before what is wrong with the terminal
        from schemas import ConfigDocument

        ConfigDocument.read(file)
    require_drawing("edit the file with any editor and run `ltx2-wizard check FILE`")
    from tui.app.entry import open_file

    return open_file(file)
