"""``control/``: one small JSON file per command, consumed by the trainer between micro-steps.

A file is ``{"id": ..., "verb": ..., "arg": ..., "by": ...}``. ``arg`` is absent or null for stop, pause, resume,
checkpoint and validate; a number for ``lr``; and for ``interval`` either "checkpoint 500" or ["checkpoint", 500] (or
validation). ``by`` says who asks. The answer is an event of type ``control`` with the same id.
"""

from __future__ import annotations

import getpass
import json
import logging
import math
import os
import socket
import time
import uuid
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

from schemas.errors import UsageError
from trainer.rundir.atomic import disk_fault, write_atomic
from trainer.rundir.layout import RunDirectory

PLAIN_VERBS: Final = ("stop", "pause", "resume", "checkpoint", "validate")
VERBS: Final = (*PLAIN_VERBS, "lr", "interval")
INTERVALS: Final = ("checkpoint", "validation")
_MAX_BYTES: Final = 1 << 16
_LONGEST_NAME: Final = 80
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Interval:
    """Argument of ``interval``: do ``which`` every ``steps`` optimizer steps."""

    which: str
    steps: int


@dataclass(frozen=True, slots=True)
class Command:
    """One command as the trainer sees it."""

    id: str
    verb: str
    arg: float | Interval | None = None
    problem: str = ""
    """Why it cannot be obeyed; empty for a good one. It still has to be answered."""
    by: str = field(default="", compare=False)
    """Who sent it, as ``user@host``; empty when nobody said."""


def parse_command(verb: object, arg: object = None, *, identity: str = "") -> Command:
    """Check a verb and its argument. Raises UsageError saying what would be right."""
    if verb in PLAIN_VERBS:
        if arg not in (None, ""):
            raise UsageError(f"`{verb}` takes no argument, got {arg!r}")
        return Command(identity, str(verb))
    if verb == "lr":
        return Command(identity, "lr", _learning_rate(arg))
    if verb == "interval":
        return Command(identity, "interval", _interval(arg))
    raise UsageError(f"unknown verb {verb!r}", hint=f"one of: {', '.join(VERBS)}")


def _learning_rate(arg: object) -> float:
    problem = UsageError(f"`lr` takes a learning rate above 0 and at most 1, got {arg!r}", hint="for example: lr 5e-5")
    if isinstance(arg, bool) or not isinstance(arg, int | float | str):
        raise problem
    try:
        value = float(arg)
    except (ValueError, OverflowError):
        raise problem from None
    if not math.isfinite(value) or not 0 < value <= 1:
        raise problem
    return value


def _interval(arg: object) -> Interval:
    problem = UsageError(
        f"`interval` takes checkpoint or validation and a number of steps, got {arg!r}",
        hint="for example: interval checkpoint 250",
    )
    parts: list[object] = list(arg.split()) if isinstance(arg, str) else list(arg) if isinstance(arg, list) else []
    if len(parts) != 2 or parts[0] not in INTERVALS:
        raise problem
    text = parts[1]
    steps = int(text) if isinstance(text, str) and text.isascii() and text.isdigit() and len(text) < 10 else text
    if isinstance(steps, bool) or not isinstance(steps, int) or not 1 <= steps < 10**9:
        raise problem
    return Interval(str(parts[0]), steps)


def send(run: RunDirectory, verb: str, arg: object = None) -> str:
    """Leave a command for the trainer; returns the id its answer will carry.

    Raises UsageError when the command makes no sense, EnvironmentFault when it cannot be written. Whether a trainer is
    there to read it is for the caller to find out (trainer.rundir.runs).
    """
    command = parse_command(verb, arg)
    identity = uuid.uuid4().hex[:12]
    plain: object = command.arg
    if isinstance(command.arg, Interval):
        plain = [command.arg.which, command.arg.steps]
    try:
        run.control_path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise disk_fault("cannot leave a command for the trainer", run.control_path, error) from error
    # Names sort by the time of sending, so that commands are obeyed in order.
    path = run.control_path / f"{time.time_ns():020d}-{identity}.json"
    write_atomic(path, json.dumps({"id": identity, "verb": verb, "arg": plain, "by": sender()}) + "\n")
    return identity


def sender() -> str:
    """Who is at this end, as ``user@host``; every viewer can then tell who changed what."""
    try:
        user = getpass.getuser()
    except (KeyError, ImportError, OSError):  # a user id without an entry, as in many containers
        user = f"uid {os.getuid()}"
    return f"{user}@{socket.gethostname()}"


class ControlInbox:
    """The trainer's end of ``control/``."""

    def __init__(self, run: RunDirectory) -> None:
        self._folder = run.control_path
        self._stuck: set[Path] = set()

    def take(self) -> list[Command]:
        """Every waiting command, oldest first; their files are gone afterwards.

        A file that makes no sense comes back as a Command with ``problem`` set, to be answered like any other. At most
        once: a command taken by a process that then dies is not obeyed by the next one.
        """
        try:
            paths = sorted(path for path in self._folder.iterdir() if _is_command(path))
        except FileNotFoundError:
            return []
        commands = []
        for path in paths:
            try:
                data = path.read_bytes()[: _MAX_BYTES + 1]
                path.unlink()
            except FileNotFoundError:  # withdrawn by its sender meanwhile
                continue
            except OSError as error:  # what cannot be removed would be obeyed for ever
                if path not in self._stuck:
                    _log.warning("%s", disk_fault("a command is ignored: its file cannot be taken", path, error))
                    self._stuck.add(path)
                continue
            commands.append(_decode(data, path.stem))
        return commands

    def waiting(self, verb: str) -> frozenset[Path]:
        """Files of the good commands of one verb that wait; they are left where they are."""
        found = set()
        for path in self._folder.glob("*.json"):
            try:
                command = _decode(path.read_bytes()[: _MAX_BYTES + 1], path.stem)
            except OSError:  # withdrawn meanwhile, or not to be read
                continue
            if command.verb == verb and not command.problem:
                found.add(path)
        return frozenset(found)


def _is_command(path: Path) -> bool:
    return path.suffix == ".json" and not path.name.startswith(".") and path.is_file()


def _decode(data: bytes, stem: str) -> Command:
    if len(data) > _MAX_BYTES:
        return Command(stem, "", problem=f"the command file is larger than {_MAX_BYTES} bytes")
    try:
        content: Any = json.loads(data)
    except (ValueError, RecursionError):
        return Command(stem, "", problem="the command file is not JSON")
    if not isinstance(content, dict):
        return Command(stem, "", problem='the command file is not an object {"id", "verb", "arg"}')
    identity = content.get("id")
    identity = identity if isinstance(identity, str) and identity else stem
    by = content.get("by")
    by = by[:_LONGEST_NAME] if isinstance(by, str) else ""
    try:
        return replace(parse_command(content.get("verb"), content.get("arg"), identity=identity), by=by)
    except UsageError as error:
        return Command(identity, str(content.get("verb")), problem=error.message, by=by)
