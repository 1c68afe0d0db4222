"""``init``: a complete commented configuration without a terminal."""

from __future__ import annotations

from pathlib import Path

import click

from schemas.errors import UsageError
from tui.catalog import COMMANDS


@click.command(
    "init",
    help=COMMANDS["init"]
    + "\n\nThe text goes to standard output, or to FILE with -o. Presets: ltx2-wizard presets.\n\n"
    "With --from, an existing file is rewritten in current keys instead; comments and order stay.",
)
@click.option("--preset", "name", metavar="NAME", help="Preset to start from.")
@click.option(
    "--from",
    "source",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="OLD",
    help="File to rewrite in current keys.",
)
@click.option("--vram", type=float, metavar="GB", help="Graphics memory: takes the settings of the tier that fits.")
@click.option("--set", "assignments", multiple=True, metavar="PATH=VALUE", help="Set a field; may be repeated.")
@click.option("-o", "--output", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE", help="Write to FILE.")
@click.option("--force", is_flag=True, help="Replace FILE if it exists.")
def command(
    name: str | None,
    source: Path | None,
    vram: float | None,
    assignments: tuple[str, ...],
    output: Path | None,
    force: bool,
) -> None:
    from schemas.document import write_text_atomic

    if source is not None:
        if name is not None or vram is not None:
            raise UsageError("--from takes neither --preset nor --vram", hint="the old file says all there is to say")
        text = _rewritten(source, assignments)
    elif name is None:
        raise UsageError("nothing to start from", hint="give --preset NAME (see `ltx2-wizard presets`) or --from OLD")
    else:
        text = _from_preset(name, vram, assignments)
    if output is None:
        click.echo(text, nl=False)
        return
    if output.exists() and not force:
        raise UsageError(f"{output} exists", hint="give another name, or --force to replace it")
    write_text_atomic(output, text)
    click.echo(f"wrote {output}; next: ltx2-wizard check {output}", err=True)


def _from_preset(name: str, vram: float | None, assignments: tuple[str, ...]) -> str:
    import presets
    from schemas import render_yaml, validate
    from schemas.overrides import apply

    data = apply(presets.load(name, vram=vram), assignments)
    validate(data)
    return render_yaml(data, preset=name, vram=vram)


def _rewritten(source: Path, assignments: tuple[str, ...]) -> str:
    """The file in current keys; what was read differently from how it was written goes to standard error."""
    from schemas import load_config, validate
    from schemas.overrides import apply

    document = load_config(source).document
    for note in document.upgrade():
        click.echo(str(note), err=True)
    document.update(apply(document.data(), assignments))
    validate(document.data())
    return document.dump()
