"""``explain``: one field, or all of them."""

from __future__ import annotations

import json

import click

from tui.catalog import COMMANDS


@click.command(
    "explain",
    help=COMMANDS["explain"]
    + "\n\nPATH is dotted: optimization.steps, validation.samples[0].prompt, training_strategy.video.conditions.",
)
@click.argument("path", required=False)
@click.option("--all", "everything", is_flag=True, help="Every field, one line each.")
@click.option("--markdown", "as_markdown", is_flag=True, help="With --all: a page of documentation.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def command(path: str | None, everything: bool, as_markdown: bool, as_json: bool) -> None:
    from schemas import explaining, spec

    if (path is None) != everything:
        raise click.UsageError("give either a PATH or --all")
    if path is not None:
        found = spec.find(path)
        text = json.dumps(explaining.explain_data(found), indent=2, ensure_ascii=False) if as_json else None
        click.echo(text or "\n".join(explaining.explain_text(found)))
    elif as_markdown:
        click.echo(explaining.markdown(), nl=False)
    elif as_json:
        click.echo(json.dumps([explaining.explain_data(field) for field in spec.fields()], ensure_ascii=False))
    else:
        click.echo("\n".join(explaining.all_lines()))
