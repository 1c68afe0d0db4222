"""Events, durations, sizes and states in words, shared by the monitor and the plain progress of ``train``."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import PurePath
from typing import Any, Final

GIB: Final = 2**30


def describe_event(event: Mapping[str, Any]) -> tuple[str, bool]:
    """One line for a person, and whether it is bad news."""
    kind = str(event.get("type", ""))
    writer = _WRITERS.get(kind)
    text = writer(event) if writer else _unknown(event)
    severe = kind == "warning" or (kind == "exit" and event.get("code") not in (0, 75, 130, 143))
    refused = kind == "control" and event.get("result") not in ("ok", "done", "accepted", None)
    return " ".join(text.split()), severe or refused


def duration(seconds: float | None) -> str:
    """``3d 04h``, ``2h 05m``, ``12m 30s``, ``8 s``; a dash when unknown."""
    if seconds is None or not math.isfinite(seconds) or seconds < 0:
        return "-"
    whole = round(seconds)
    days, hours, minutes = whole // 86400, whole % 86400 // 3600, whole % 3600 // 60
    if days:
        return f"{days}d {hours:02d}h"
    if hours:
        return f"{hours}h {minutes:02d}m"
    return f"{minutes}m {whole % 60:02d}s" if minutes else f"{whole} s"


def seconds_short(seconds: float) -> str:
    """A step time: ``850 ms``, ``3.21 s``, ``2m 05s``."""
    if seconds < 1:
        return f"{seconds * 1000:.0f} ms"
    return f"{seconds:.3g} s" if seconds < 60 else duration(seconds)


def gibibytes(size: float) -> str:
    """Bytes as GB of 2^30 bytes, the unit of graphics cards."""
    return f"{size / GIB:.1f} GB" if size < 100 * GIB else f"{size / GIB:.0f} GB"


def _run(event: Mapping[str, Any]) -> str:
    total = f", {event['total']} steps" if event.get("total") else ""
    resumed = f", continuing from {event['resumed_from']}" if event.get("resumed_from") else ""
    return f"run {event.get('run_id', '')} on {event.get('host', '?')} (pid {event.get('pid', '?')}){total}{resumed}"


def _phase(event: Mapping[str, Any]) -> str:
    message = event.get("message")
    return f"{event.get('phase', '')}: {message}" if message else str(event.get("phase", ""))


def _sample(event: Mapping[str, Any]) -> str:
    return f"sample at step {event.get('step')}: {_inside_run(event.get('path'))}"


def _checkpoint(event: Mapping[str, Any]) -> str:
    return f"checkpoint at step {event.get('step')}: {_inside_run(event.get('export') or event.get('state'))}"


def _inside_run(path: object) -> str:
    """A path without what all paths of a run have in common."""
    parts = PurePath(str(path or "")).parts
    return str(PurePath(*parts[-2:])) if len(parts) > 2 else "/".join(parts)


def _warning(event: Mapping[str, Any]) -> str:
    code = event.get("code")
    return f"warning: {event.get('message', '')}" + (f" [{code}]" if code else "")


def _control(event: Mapping[str, Any]) -> str:
    given = event.get("arg")
    words = " ".join(map(str, given)) if isinstance(given, list) else "" if given is None else str(given)
    message = f" - {event['message']}" if event.get("message") else ""
    by = f", by {event['by']}" if event.get("by") else ""
    return f"{event.get('verb', 'command')} {words}".rstrip() + f": {event.get('result', '')}{message}{by}"


def _blocks(event: Mapping[str, Any]) -> str:
    """Which transformer blocks are swapped and recompute, and who said so."""
    plan = f"{event.get('swapped', '?')} of {event.get('layers', '?')} blocks swapped"
    return f"{plan}, {event.get('recomputed', '?')} recompute: {event.get('message', '')}"


def _link(event: Mapping[str, Any]) -> str:
    return f"{event.get('name', 'also at')}: {event.get('url', '')}"


def _exit(event: Mapping[str, Any]) -> str:
    message = f": {event['message']}" if event.get("message") else ""
    return f"{event.get('state', 'ended')} (exit code {event.get('code', '?')}){message}"


def _unknown(event: Mapping[str, Any]) -> str:
    rest = ", ".join(f"{key}={value}" for key, value in event.items() if key not in {"v", "t", "type", "at_step"})
    return f"{event.get('type', 'event')}: {rest}"


_WRITERS: Final = {
    "run": _run,
    "phase": _phase,
    "sample": _sample,
    "checkpoint": _checkpoint,
    "warning": _warning,
    "control": _control,
    "blocks": _blocks,
    "link": _link,
    "exit": _exit,
}
