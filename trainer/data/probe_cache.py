"""What the media files hold, remembered between runs: looking into ten thousand clips again takes minutes."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

from trainer.files.media import MediaInfo, probe
from trainer.rundir.atomic import write_atomic

NAME: Final = "probe_cache.json"


class ProbeCache:
    """Results of :func:`trainer.files.media.probe` by path; a file of another size or time is looked at again."""

    def __init__(self, root: Path) -> None:
        self._path = root / NAME
        self._known: dict[str, Any] = _read(self._path)
        self._used: dict[str, Any] = {}

    def probe(self, path: Path) -> MediaInfo:
        """Describe a media file; raises what ``probe`` raises, and does not remember failures."""
        try:
            state = path.stat()
        except OSError:
            return probe(path)  # it says what is wrong
        key, stamp = str(path), [state.st_size, state.st_mtime_ns]
        entry = self._known.get(key)
        info = _info(entry) if isinstance(entry, dict) and entry.get("stamp") == stamp else None
        info = info or probe(path)
        self._used[key] = {"stamp": stamp, **asdict(info)}
        return info

    def save(self) -> None:
        """Keep what was asked for in this run."""
        if self._used != self._known:
            write_atomic(self._path, json.dumps(self._used, indent=0), durable=False)


def _read(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _info(entry: dict[str, Any]) -> MediaInfo | None:
    try:
        return MediaInfo(**{name: value for name, value in entry.items() if name != "stamp"})
    except TypeError:  # written by another version
        return None
