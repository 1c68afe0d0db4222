"""What a user has chosen for all sessions: the colours. A lost or unwritable file is never an error."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Final

from schemas.errors import EnvironmentFault
from tui.recent import default_path

FILE: Final = "settings.json"


def settings_path() -> Path:
    """Beside the lists of recent files."""
    return default_path().with_name(FILE)


def read_setting(name: str) -> str:
    """A remembered choice; empty when there is none."""
    value = _read().get(name)
    return value if isinstance(value, str) else ""


def remember_setting(name: str, value: str) -> None:
    """Keep a choice for the next session."""
    from trainer.rundir.atomic import write_atomic  # late: the first paint reads settings and writes none

    path = settings_path()
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomic(path, json.dumps({**_read(), name: value}, indent=1) + "\n", durable=False)
    except (OSError, EnvironmentFault):
        return


def _read() -> dict[str, object]:
    try:
        data = json.loads(settings_path().read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}
    return data if isinstance(data, dict) else {}
