"""A run directory whose every word wants to command the terminal, and whose every number is something else."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

from trainer.rundir.layout import RunDirectory

TITLE: Final = "]0;OWNED"
"""What would become the terminal's title."""
PAYLOAD: Final = f"\x1b{TITLE}\x07\x1b[2J\x9b31m\x1bP+q\x1b\\\r\n\x00\x7f\u202e[red]x[/red]"
ODD: Final[tuple[Any, ...]] = (None, True, -1, 10**30, 1.5, "NaN", PAYLOAD, [], {}, [PAYLOAD], {PAYLOAD: PAYLOAD})

_FIELDS: Final[dict[str, tuple[str, ...]]] = {
    "run": ("run_id", "host", "pid", "version", "fingerprint", "resumed_from", "total", "output_dir", "environment"),
    "phase": ("phase", "message", "done", "total"),
    "metric": ("step", "metrics"),
    "sample": ("step", "index", "path", "poster", "prompt", "conditions"),
    "checkpoint": ("step", "export", "state"),
    "warning": ("code", "message"),
    "control": ("id", "verb", "arg", "result", "message", "by"),
    "link": ("name", "url"),
    "exit": ("state", "code", "message"),
    PAYLOAD: ("anything", PAYLOAD),
}


def hostile_events() -> list[dict[str, Any]]:
    """Events of every type with every field hostile in every way, an honest step between them."""
    events: list[dict[str, Any]] = []
    for kind, names in _FIELDS.items():
        events += [{"v": 1, "t": 1.0, "type": kind, **dict.fromkeys(names, odd)} for odd in (PAYLOAD, *ODD)]
        events += [{"v": 1, "t": 1.0, "type": kind, name: PAYLOAD} for name in names]
    metrics: dict[str, Any] = {PAYLOAD: 1.0, "loss": 0.5, "lr": PAYLOAD, "grad_norm": None, "x" * 5000: 1}
    for step, value in enumerate((1.0, "NaN", "Infinity", 1e308, -1e308, 5e-324), start=1):
        events.append({"v": 1, "t": 2.0, "type": "metric", "step": step, "metrics": {**metrics, "loss": value}})
    return events


def write_hostile(run: RunDirectory) -> Path:
    """A log of them among broken lines, other versions and a giant one."""
    run.create()
    lines = [json.dumps(event).encode() for event in hostile_events()]
    broken = [b"", b"{", b"[]", b"null", b'"text"', b"\xff\xfe\x00", b'{"v":2,"t":1,"type":"metric"}', b"[" * 5000,
              b'{"v":1,"t":"x","type":"metric"}', b'{"v":1,"t":1,"type":7}', b'"' + b"y" * (3 << 20) + b'"',
              b'{"v":1,"t":NaN,"type":"warning","message":"bare NaN"}']  # fmt: skip
    run.events_path.write_bytes(b"\n".join([*broken, *lines, *broken]) + b'\n{"v":1,"t":3,"type":"met')
    run.log_path.write_bytes(PAYLOAD.encode() + b"\n" + b"z" * (1 << 20))
    return run.events_path
