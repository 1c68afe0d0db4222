"""``check``: the preflight, for people and for programs."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from tui.catalog import COMMANDS

if TYPE_CHECKING:
    from trainer.preflight import CheckReport, Problem

_TITLES = {"error": "ERRORS", "warning": "WARNINGS", "info": "INFORMATION"}
_COLOURS = {"error": "red", "warning": "yellow", "info": "cyan"}


@click.command("check", help=COMMANDS["check"])
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--vram", type=click.FloatRange(min=0, min_open=True), metavar="GB", help="Memory of the card to fit.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_context
def command(ctx: click.Context, file: Path, vram: float | None, as_json: bool) -> None:
    from presets.memory import GIB, Card
    from trainer.preflight import check_file

    report = check_file(file, None if vram is None else Card("", int(vram * GIB)))
    if as_json:
        click.echo(json.dumps(report.as_json(), indent=2, ensure_ascii=False))
    else:
        for line in _lines(file, report):
            click.echo(line)
    ctx.exit(report.exit_code)


def _lines(file: Path, report: CheckReport) -> Iterator[str]:
    for severity, title in _TITLES.items():
        found = [problem for problem in report.problems if problem.severity == severity]
        if found:
            yield click.style(f"{title} ({len(found)})", fg=_COLOURS[severity], bold=True)
            for problem in found:
                yield from _entry(file, problem)
            yield ""
    errors = sum(problem.severity == "error" for problem in report.problems)
    warnings = sum(problem.severity == "warning" for problem in report.problems)
    if report.ok:
        yield f"{file}: ready to train" + (f", with {_count(warnings, 'warning')}" if warnings else "")
    else:
        yield f"{file}: {_count(errors, 'error')}, {_count(warnings, 'warning')}"


def _count(number: int, word: str) -> str:
    return f"{number} {word}{'' if number == 1 else 's'}"


def _entry(file: Path, problem: Problem) -> Iterator[str]:
    place = f"{problem.path}: " if problem.path else ""
    first, *rest = problem.message.splitlines() or [""]
    yield f"  {place}{first}  [{problem.code}]"
    for line in rest:
        yield f"    {line}"
    if problem.line is not None and problem.severity != "info":
        yield f"      at:   {file}:{problem.line}"
    if problem.hint:
        yield f"      next: {problem.hint}"
