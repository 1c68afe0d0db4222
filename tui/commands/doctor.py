"""``doctor``: what this machine has and lacks for training."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from schemas.errors import EXIT_ENVIRONMENT, EXIT_OK
from tui.catalog import COMMANDS

if TYPE_CHECKING:
    from trainer.preflight.doctor import Finding

MARKS = {"ok": "✔", "warn": "!", "bad": "✖"}


@click.command("doctor", help=COMMANDS["doctor"] + "\n\nExit 4 when something is in the way of training.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.option(
    "--folder", type=click.Path(path_type=Path), default=Path(), help="Where runs will be written (default: here)."
)
@click.pass_context
def command(ctx: click.Context, as_json: bool, folder: Path) -> None:
    from trainer.preflight.doctor import examine, worst

    findings = (*examine(folder.expanduser()), *terminal())
    state = worst(findings)
    if as_json:
        found = [
            {"topic": one.topic, "state": one.state, "message": one.words, "hint": one.hint or None} for one in findings
        ]
        click.echo(json.dumps({"ok": state != "bad", "findings": found}, indent=2, ensure_ascii=False))
    else:
        for line in lines(findings):
            click.echo(line)
    ctx.exit(EXIT_ENVIRONMENT if state == "bad" else EXIT_OK)


def lines(findings: tuple[Finding, ...]) -> Iterator[str]:
    """A line per finding, its advice under it."""
    width = max(len(one.topic) for one in findings)
    for one in findings:
        yield f"{MARKS[one.state]} {one.topic.ljust(width)}  {one.words}"
        if one.hint:
            yield f"  {' ' * width}  -> {one.hint}"


def terminal() -> tuple[Finding, ...]:
    """What the terminal can show."""
    import locale
    import os

    from trainer.preflight.doctor import Finding

    name = os.environ.get("TERM", "")
    colours = "24-bit colour" if os.environ.get("COLORTERM") in ("truecolor", "24bit") else "few colours"
    inside = ", inside tmux" if os.environ.get("TMUX") else ""
    if name in ("", "dumb"):
        return (Finding("Terminal", "ok", "none that draws: questions are asked line by line"),)
    encoding = locale.getpreferredencoding(False)
    if encoding.lower().replace("-", "") != "utf8":
        hint = "export LC_ALL=C.UTF-8 for finer charts"
        return (Finding("Terminal", "warn", f"{name}, {colours}{inside}, encoding {encoding}", hint),)
    return (Finding("Terminal", "ok", f"{name}, {colours}{inside}, UTF-8"),)
