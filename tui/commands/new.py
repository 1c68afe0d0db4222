"""``new``: the wizard on a new configuration."""

from __future__ import annotations

from pathlib import Path

import click

from tui.catalog import COMMANDS


@click.command("new", help=COMMANDS["new"] + "\n\nWithout --preset it asks what the model should learn.")
@click.option("--preset", metavar="NAME", help="Start from this preset; `ltx2-wizard presets` lists them.")
@click.option(
    "--vram", type=click.FloatRange(min=1), metavar="GB", help="Memory of the graphics card: chooses the tier."
)
@click.option("-o", "--output", type=click.Path(path_type=Path), metavar="FILE", help="Where to save.")
def command(preset: str | None, vram: float | None, output: Path | None) -> int:
    from tui.terminal import can_draw, require_drawing

    if preset is not None and not can_draw():  # an unknown name or tier is told before the terminal is asked for
        import presets

        presets.load(preset, vram=vram)
    require_drawing("use `ltx2-wizard init --preset NAME -o FILE`")
    from tui.app.entry import open_new

    return open_new(preset, vram=vram, path=output)
