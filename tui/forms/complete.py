"""Completing paths as they are typed. Reads directories, so a screen calls it from a thread."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Final

SUFFIXES: Final[dict[str, tuple[str, ...]]] = {
    "checkpoint_file": (".safetensors",),
    "vae_file": (".safetensors",),
    "image_or_video_file": (".mp4", ".mov", ".mkv", ".webm", ".avi", ".png", ".jpg", ".jpeg"),
    "video_file": (".mp4", ".mov", ".mkv", ".webm", ".avi"),
    "audio_file": (".wav", ".flac", ".mp3", ".ogg", ".m4a", ".mp4", ".mov", ".mkv", ".webm"),
    "mask_file": (".mp4", ".mov", ".mkv", ".png", ".jpg", ".jpeg", ".pt"),
}
"""What a provider's files are called; a provider that is not listed takes any file."""
DIRECTORIES: Final = frozenset({"data_directory", "directory"})
MOST: Final = 200


def complete_path(text: str, provider: str | None, base: Path) -> list[str]:
    """Paths that begin with ``text``, directories with a slash at the end, in order; relative to ``base`` if so typed.

    An unreadable or missing directory has no completions.
    """
    typed = Path(os.path.expanduser(text)) if text else Path()  # noqa: PTH111 - "~nobody" must not raise
    folder_typed = text.endswith("/") or not text
    folder = base / (typed if folder_typed else typed.parent)
    prefix = "" if folder_typed else typed.name
    head = text if folder_typed else text[: len(text) - len(prefix)]
    return [head + name for name in sorted(_names(folder, prefix, provider))[:MOST]]


def common_start(candidates: Iterable[str], typed: str) -> str:
    """The longest text all candidates begin with, never shorter than what was typed."""
    found = os.path.commonprefix(list(candidates))  # noqa: RUF071 - half a name is wanted
    return found if len(found) > len(typed) else typed


def _names(folder: Path, prefix: str, provider: str | None) -> Iterable[str]:
    suffixes = SUFFIXES.get(provider or "", ())
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                if not entry.name.startswith(prefix) or (entry.name.startswith(".") and not prefix.startswith(".")):
                    continue
                if _is_directory(entry):
                    yield entry.name + "/"
                elif provider not in DIRECTORIES and (not suffixes or entry.name.lower().endswith(suffixes)):
                    yield entry.name
    except OSError:
        return


def _is_directory(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:
        return False
