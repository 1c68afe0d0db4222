"""Drafts that are not saved yet, kept in the state directory so that no dropped line, kill or crash loses them.

One JSON file per draft, replaced at once or not at all. Everything is read back without building the schema: the home
screen lists what there is before anything heavy is loaded.
"""

from __future__ import annotations

import json
import os
import socket
import time
import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from schemas.errors import EnvironmentFault
from trainer.rundir.atomic import write_atomic
from trainer.rundir.process import process_start, same_process
from tui.recent import default_path

if TYPE_CHECKING:
    from tui.forms.draft import Draft

VERSION: Final = 1
MOST: Final = 8
"""Kept drafts that are offered; older ones stay on disk."""


@dataclass(frozen=True, slots=True)
class Unsaved:
    """A draft that was kept when its editor ended without saving or discarding it."""

    kept: Path
    """The file it is kept in."""
    data: dict[str, Any]
    path: Path | None
    """The configuration file that was edited; None for a new one that had no name yet."""
    preset: str | None
    vram: float | None
    seen_mtime: int | None
    edited: bool
    """Whether it was a file that exists, with comments of its own, or a new configuration."""
    time: float

    @property
    def name(self) -> str:
        """What a person would call it."""
        if self.path is not None:
            return str(self.path)
        return f"new from {self.preset}" if self.preset else "a new configuration"


class DraftStore:
    """The folder of kept drafts. A convenience: a folder that cannot be written is never an error."""

    def __init__(self, folder: Path | None = None) -> None:
        self.folder = folder if folder is not None else default_path().parent / "drafts"

    def new_file(self) -> Path:
        """A name for one more draft."""
        return self.folder / f"{os.getpid()}-{uuid.uuid4().hex[:8]}.json"

    def keep(self, file: Path, draft: Draft) -> bool:
        """Write a draft to ``file``; whether that was possible."""
        content = {
            "v": VERSION,
            "path": None if draft.path is None else str(draft.path.absolute()),
            "preset": draft.preset,
            "vram": draft.vram,
            "seen_mtime": draft.seen_mtime,
            "edited": draft.document is not None,
            "time": time.time(),
            "owner": {"host": socket.gethostname(), "pid": os.getpid(), "start": process_start(os.getpid())},
            "data": draft.data,
        }
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
            write_atomic(file, json.dumps(content, default=str), durable=False)
        except (OSError, EnvironmentFault, ValueError, RecursionError):
            return False
        return True

    def drop(self, file: Path) -> None:
        """Forget a draft that was saved or discarded."""
        try:
            file.unlink(missing_ok=True)
        except OSError:
            return

    def unsaved(self) -> list[Unsaved]:
        """Drafts whose editor is gone, newest first."""
        try:
            files = sorted(self.folder.glob("*.json"))
        except OSError:
            return []
        found = [each for file in files if (each := _read(file)) is not None]
        return sorted(found, key=lambda each: -each.time)[:MOST]


def reopen(unsaved: Unsaved) -> Draft:
    """The draft as it was left. The file's own comments and order come from the file as it is now.

    Raises ConfigError when the edited file is no YAML any more.
    """
    import presets
    from schemas.errors import ConfigError
    from tui.forms.draft import Draft

    if unsaved.edited and unsaved.path is not None and unsaved.path.is_file():
        draft = Draft.open(unsaved.path)
        draft.migrate(unsaved.data)
        draft.seen_mtime = unsaved.seen_mtime  # a file that has changed meanwhile is asked about before it is replaced
    else:
        draft = Draft.new(unsaved.data, path=unsaved.path)
    draft.preset, draft.vram = unsaved.preset, unsaved.vram
    if unsaved.preset is not None:
        try:
            draft.base = presets.load(unsaved.preset, vram=unsaved.vram)
        except ConfigError:  # a preset of another version: nothing to compare with
            draft.base = None
    return draft


def _read(file: Path) -> Unsaved | None:
    """One kept draft; None when it is damaged, of another version, or its editor still runs."""
    try:
        found = json.loads(file.read_bytes())
    except (OSError, ValueError, RecursionError):
        return None
    if not isinstance(found, dict) or found.get("v") != VERSION or not isinstance(found.get("data"), dict):
        return None
    if _alive(found.get("owner")):
        return None
    path, preset = found.get("path"), found.get("preset")
    return Unsaved(
        kept=file,
        data=found["data"],
        path=Path(path) if isinstance(path, str) else None,
        preset=preset if isinstance(preset, str) else None,
        vram=_number(found.get("vram")),
        seen_mtime=found["seen_mtime"] if isinstance(found.get("seen_mtime"), int) else None,
        edited=found.get("edited") is True,
        time=_number(found.get("time")) or 0.0,
    )


def _alive(owner: Any) -> bool:
    if not isinstance(owner, dict) or owner.get("host") != socket.gethostname():
        return False
    pid = owner.get("pid")
    return isinstance(pid, int) and same_process(pid, _number(owner.get("start")))


def _number(value: Any) -> float | None:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None
