"""Is that process still the one we mean? Numbers are reused, so a number alone is not an answer."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

_HAS_PROC: Final = Path("/proc/self/stat").is_file()


def process_start(pid: int) -> float | None:
    """When process ``pid`` of this host started, or None when there is none (or only its unreaped remains).

    Linux: seconds since boot, which no change of the clock moves. Elsewhere: unix seconds. The value is only good for
    comparing with another one taken on the same host.
    """
    if pid <= 0:
        return None
    return _linux_start(pid) if _HAS_PROC else _portable_start(pid)


def same_process(pid: int, start: float | None) -> bool:
    """Whether process ``pid`` runs and is the one that started at ``start`` (any, when that was never known)."""
    now = process_start(pid)
    if now is None:
        return False
    return start is None or abs(now - start) < 0.05


def _linux_start(pid: int) -> float | None:
    try:
        text = Path(f"/proc/{pid}/stat").read_text(errors="replace")
    except OSError:
        return None
    # The second field is the name in parentheses and may itself hold spaces and parentheses.
    fields = text.rpartition(")")[2].split()
    state, ticks = fields[0], int(fields[19])
    if state in "ZXx":
        return None
    return ticks / os.sysconf("SC_CLK_TCK")


def _portable_start(pid: int) -> float | None:
    import psutil

    try:
        process = psutil.Process(pid)
        if process.status() == psutil.STATUS_ZOMBIE:
            return None
        return float(process.create_time())
    except psutil.NoSuchProcess:
        return None
