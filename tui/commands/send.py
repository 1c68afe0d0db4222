"""``send``: leave a command for a trainer, and wait for its answer."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from schemas.errors import EXIT_OK, EXIT_USAGE, UsageError
from tui.catalog import COMMANDS
from tui.text import clean_line

if TYPE_CHECKING:
    from trainer.rundir.events import EventReader

POLL_SECONDS = 0.2
ACTIVE = frozenset({"running", "paused", "stalled"})


@click.command(
    "send",
    help=COMMANDS["send"] + "\n\nVERB: stop, pause, resume, checkpoint, validate, lr VALUE, "
    "interval checkpoint|validation STEPS.",
)
@click.argument("run", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.argument("verb")
@click.argument("arg", nargs=-1)
@click.option("--wait", default=0.0, show_default=True, metavar="SECONDS", help="Wait so long for the answer.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def command(run: Path, verb: str, arg: tuple[str, ...], wait: float, as_json: bool) -> int:
    from trainer.rundir.control import send
    from trainer.rundir.events import EventReader
    from trainer.rundir.layout import RunDirectory
    from trainer.rundir.runs import is_run, summarize

    if not is_run(run):
        raise UsageError(f"{run} is not a run directory", hint="`ltx2-wizard runs` lists them")
    state = summarize(run).state
    if state not in ACTIVE:
        raise UsageError(
            f"nobody is there to obey: the run is {state}", where=run, hint="continue it with `ltx2-wizard train`"
        )
    directory = RunDirectory(run)
    reader = EventReader(directory.events_path)
    while reader.poll(max_seconds=1.0):
        pass
    identity = send(directory, verb, " ".join(arg) if arg else None)
    answer = _await_answer(reader, identity, wait)
    _tell(identity, verb, answer, as_json)
    return EXIT_USAGE if answer is not None and _refused(answer) else EXIT_OK


def _await_answer(reader: EventReader, identity: str, seconds: float) -> dict[str, Any] | None:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        for event in reader.poll(max_seconds=0.2):
            if event["type"] == "control" and event.get("id") == identity:
                answer: dict[str, Any] = event
                return answer
        time.sleep(POLL_SECONDS)
    return None


def _refused(answer: dict[str, Any]) -> bool:
    return str(answer.get("result")) in {"refused", "error", "failed"}


def _tell(identity: str, verb: str, answer: dict[str, Any] | None, as_json: bool) -> None:
    result = answer.get("result") if answer else None
    message = clean_line(str(answer.get("message") or "")) if answer else ""
    if as_json:
        click.echo(json.dumps({"id": identity, "verb": verb, "result": result, "message": message}))
    elif answer is None:
        click.echo(f"{verb}: sent ({identity}); the trainer reads it between micro-steps")
    else:
        click.echo(f"{verb}: {clean_line(str(result))}" + (f" - {message}" if message else ""))
