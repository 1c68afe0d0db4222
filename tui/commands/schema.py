"""``schema``: the JSON Schema of the configuration."""

from __future__ import annotations

import json
from pathlib import Path

import click

from tui.catalog import COMMANDS


@click.command(
    "schema",
    help=COMMANDS["schema"]
    + "\n\nEditors with a YAML language server check and complete a configuration when the schema lies beside it: "
    "ltx2-wizard schema -o ltx2-wizard.schema.json",
)
@click.option("--prepare", is_flag=True, help="Of the options of prepare instead.")
@click.option("-o", "--output", type=click.Path(dir_okay=False, path_type=Path), help="Write to this file.")
def command(prepare: bool, output: Path | None) -> None:
    from schemas import LtxTrainerConfig
    from schemas.document import write_text_atomic
    from schemas.json_schema import json_schema
    from schemas.prepare import PrepareOptions

    text = json.dumps(json_schema(PrepareOptions if prepare else LtxTrainerConfig), indent=2, ensure_ascii=False)
    if output is None:
        click.echo(text)
    else:
        write_text_atomic(output, text + "\n")
        click.echo(f"wrote {output}", err=True)
