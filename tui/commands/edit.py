"""``edit``: the wizard on an existing configuration."""

from __future__ import annotations

from pathlib import Path

import click

from tui.catalog import COMMANDS


@click.command("edit", help=COMMANDS["edit"] + "\n\nWithout a terminal to draw on it asks plain questions.")
@click.argument("file", type=click.Path(path_type=Path))
def command(file: Path) -> int:
    from tui.terminal import can_draw

    if not can_draw():
        return _interview(file)
    from tui.app.entry import open_file

    return open_file(file)


def _interview(file: Path) -> int:
    from tui.forms.opening import open_draft
    from tui.guide.guide import Guide
    from tui.prompt.console import Console
    from tui.prompt.interview import interview

    draft, notes = open_draft(file)
    console = Console()
    console.say(*notes)
    return interview(Guide(draft), console)
