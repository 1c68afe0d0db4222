"""``init``: a complete commented configuration without a terminal."""

from __future__ import annotations

from pathlib import Path

import click

from schemas.errors import UsageError
from tui.catalog import COMMANDS


@click.command(
    "init",
    help=COMMANDS["init"] + "\n\nThe text goes to standard output, or to FILE with -o. Presets: ltx2-wizard presets.",
)
@click.option("--preset", "name", required=True, metavar="NAME", help="Preset to start from.")
@click.option("--vram", type=float, metavar="GB", help="Graphics memory: takes the settings of the tier that fits.")
@click.option("--set", "assignments", multiple=True, metavar="PATH=VALUE", help="Set a field; may be repeated.")
@click.option("-o", "--output", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE", help="Write to FILE.")
@click.option("--force", is_flag=True, help="Replace FILE if it exists.")
def command(name: str, vram: float | None, assignments: tuple[str, ...], output: Path | None, force: bool) -> None:
    import presets
    from schemas import render_yaml, validate
    from schemas.document import write_text_atomic
    from schemas.overrides import apply

    data = apply(presets.load(name, vram=vram), assignments)
    validate(data)
    text = render_yaml(data, preset=name)
    if output is None:
        click.echo(text, nl=False)
        return
    if output.exists() and not force:
        raise UsageError(f"{output} exists", hint="give another name, or --force to replace it")
    write_text_atomic(output, text)
    click.echo(f"wrote {output}; next: ltx2-wizard check {output}", err=True)
