"""``new``: the wizard on a new configuration."""

from __future__ import annotations

from pathlib import Path

import click

from tui.catalog import COMMANDS


@click.command(
    "new",
    help=COMMANDS["new"]
    + "\n\nWithout --preset it goes step by step, from what the model should learn. Without a terminal to draw on (a "
    "pipe, TERM=dumb) the steps are plain questions.",
)
@click.option("--preset", metavar="NAME", help="Start from this preset; `ltx2-wizard presets` lists them.")
@click.option(
    "--vram", type=click.FloatRange(min=1), metavar="GB", help="Memory of the graphics card: chooses the tier."
)
@click.option("-o", "--output", type=click.Path(path_type=Path), metavar="FILE", help="Where to save.")
def command(preset: str | None, vram: float | None, output: Path | None) -> int:
    from tui.terminal import can_draw

    if not can_draw():
        return _interview(preset, vram, output)
    from tui.app.entry import open_new

    return open_new(preset, vram=vram, path=output)


def _interview(preset: str | None, vram: float | None, output: Path | None) -> int:
    from tui.guide.guide import Guide
    from tui.prompt.interview import interview

    guide = Guide.new(vram=vram, path=output)
    if preset is not None:
        guide.choose_goal(preset)
    return interview(guide, goal=preset is None, card=vram is None)
