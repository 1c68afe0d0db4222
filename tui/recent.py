"""Runs and configurations used lately, remembered between sessions in the user's state directory."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final, Literal

from schemas.errors import EnvironmentFault

Kind = Literal["runs", "configs"]
MOST: Final = 20
PATIENCE_SECONDS: Final = 1.0
"""How long a file may take to say whether it is there."""


def default_path() -> Path:
    """``$XDG_STATE_HOME/ltx2-wizard/recent.json``, by default below ``~/.local/state``."""
    base = os.environ.get("XDG_STATE_HOME") or str(Path("~/.local/state").expanduser())
    return Path(base) / "ltx2-wizard" / "recent.json"


@dataclass(frozen=True, slots=True)
class Recent:
    """The two lists, newest first. A convenience: a lost or unwritable file is never an error."""

    path: Path

    def runs(self) -> list[Path]:
        """Run directories that still exist."""
        return self._existing("runs")

    def configs(self) -> list[Path]:
        """Configuration files that still exist."""
        return self._existing("configs")

    def remember(self, kind: Kind, path: Path) -> None:
        """Put ``path`` at the head of a list."""
        from trainer.rundir.atomic import write_atomic  # late: the first paint reads lists and writes none

        entry = str(path.absolute())
        lists = self._read()
        lists[kind] = [entry, *(other for other in lists[kind] if other != entry)][:MOST]
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            write_atomic(self.path, json.dumps(lists, indent=1) + "\n", durable=False)
        except (OSError, EnvironmentFault):
            return

    def remembered(self, kind: Kind) -> list[Path]:
        """A list as it is, without touching what it names: one of them may lie on a mount that no longer answers."""
        return [Path(entry) for entry in self._read()[kind]]

    def _existing(self, kind: Kind) -> list[Path]:
        from trainer.rundir.patience import ask_all

        paths = self.remembered(kind)
        answers, _ = ask_all({("exists", path): partial(_is_there, path) for path in paths}, PATIENCE_SECONDS)
        return [path for path in paths if answers["exists", path] == [True]]

    def _read(self) -> dict[Kind, list[str]]:
        try:
            data = json.loads(self.path.read_text(encoding="utf-8"))
        except (OSError, ValueError, RecursionError):
            data = {}
        known = data if isinstance(data, dict) else {}
        return {"runs": _strings(known.get("runs")), "configs": _strings(known.get("configs"))}


def _is_there(path: Path) -> list[bool]:
    return [path.exists()]


def _strings(value: object) -> list[str]:
    return [item for item in value if isinstance(item, str)] if isinstance(value, list) else []


def recent() -> Recent:
    """The lists of this user."""
    return Recent(default_path())


def run_roots(folder: Path | None = None) -> list[Path]:
    """Where to look for runs: ``folder`` alone when given, else ``./outputs`` and every remembered run."""
    if folder is not None:
        return [folder]
    return [Path("outputs"), *recent().remembered("runs")]
