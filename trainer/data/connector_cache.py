"""Outputs of the text connectors on disk, so that training neither holds nor runs the connectors.

An entry is a safetensors file whose name is the hash of a caption's features, of the checkpoint and of the modalities:
a changed caption, checkpoint or run finds other names, and equal captions share one entry. Which entry belongs to which
file of features is noted beside the entries with the file's size and time, so that a later start reads no features.
Legend of shapes: B batch, S text positions, D width of a modality's context.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save
from torch import Tensor

from schemas.errors import DataError, NumericError
from trainer.data.dataset import load_sample_file
from trainer.rundir.atomic import disk_fault, write_atomic

_LAYOUT = "1"
"""Part of every key: raise it when what an entry holds changes."""
Progress = Callable[[int, int], object]


class Connectors(Protocol):
    """The text connectors: features and mask in, contexts of the modalities they were built for out."""

    def __call__(
        self, video_BSD: Tensor, audio_BSD: Tensor | None, mask_BS: Tensor
    ) -> tuple[Tensor | None, Tensor | None]: ...


@dataclass(frozen=True, slots=True)
class CachedContext:
    """One caption as the transformer reads it; every position is valid, the connectors fill the padding."""

    video_SD: Tensor | None
    audio_SD: Tensor | None


class ConnectorCache:
    """``build`` once before training, then ``load`` per sample.

    ``checkpoint`` is the fingerprint of the file the connectors come from; ``video`` and ``audio`` say which contexts
    the run needs.
    """

    def __init__(self, directory: Path, checkpoint: str, *, video: bool = True, audio: bool = True) -> None:
        self.directory = directory
        self._salt = f"{_LAYOUT}|{checkpoint}|{video}|{audio}"
        self._wanted = tuple(name for name, wanted in (("video", video), ("audio", audio)) if wanted)
        self._entries: dict[Path, Path] = {}

    def build(
        self,
        features: Iterable[Path],
        load_connectors: Callable[[], Connectors],
        *,
        device: torch.device | str = "cpu",
        on_progress: Progress | None = None,
    ) -> int:
        """Make every entry that is missing or cannot be read; returns how many were made.

        ``features`` are files of ``conditions/``. ``load_connectors`` is only called when something is missing, and
        what it returns is dropped before this returns. ``on_progress(done, total)`` counts files.
        """
        paths = tuple(dict.fromkeys(features))
        try:
            self.directory.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise disk_fault("cannot create the cache", self.directory, error) from error
        connectors: Connectors | None = None
        known, made = self._known(), 0
        before = dict(known)
        for done, path in enumerate(paths, start=1):
            stamp = _stamp(path)
            key = known.get(stamp)
            if key is None or not self._usable(self._entry(key)):
                table = load_sample_file(path)
                key = known[stamp] = self._key(path, table)
                if not self._usable(self._entry(key)):
                    connectors = connectors or load_connectors()
                    self._write(self._entry(key), path, table, connectors, device)
                    made += 1
            self._entries[path] = self._entry(key)
            if on_progress is not None:
                on_progress(done, len(paths))
        if known != before:
            write_atomic(self._notes, json.dumps(known), durable=False)
        return made

    def _entry(self, key: str) -> Path:
        return self.directory / f"{key}.safetensors"

    @property
    def _notes(self) -> Path:
        """Which features have which key, for this checkpoint and these modalities."""
        return self.directory / f"keys-{hashlib.sha256(self._salt.encode()).hexdigest()[:16]}.json"

    def _known(self) -> dict[str, str]:
        try:
            found = json.loads(self._notes.read_bytes())
        except (OSError, ValueError):
            return {}
        return found if isinstance(found, dict) else {}

    def load(self, features: Path) -> CachedContext:
        """The contexts of one file of ``conditions/``; DataError when its entry is gone or damaged since ``build``."""
        entry = self._entries[features]
        try:
            found = load_file(entry)
        except (OSError, SafetensorError) as error:
            raise DataError(
                f"a cached caption cannot be read: {error}",
                where=entry,
                why="it was written before training began and something changed it since",
                hint="start the run again: unreadable entries are made anew",
            ) from error
        return CachedContext(found.get("video"), found.get("audio"))

    def _key(self, path: Path, table: Mapping[str, Any]) -> str:
        if "video_prompt_embeds" not in table:
            raise DataError("holds no caption features", where=path, hint="name the directory of the captions")
        digest = hashlib.sha256(self._salt.encode())
        for name in sorted(table):
            tensor: Tensor = table[name]
            digest.update(f"|{name}|{tensor.dtype}|{tuple(tensor.shape)}|".encode())
            digest.update(tensor.contiguous().view(torch.uint8).numpy().data)
        return digest.hexdigest()[:40]

    def _usable(self, entry: Path) -> bool:
        """Whether it is there, whole in its header, and of these modalities."""
        try:
            with safe_open(entry, "pt") as file:
                return set(file.keys()) == set(self._wanted)
        except (OSError, SafetensorError):
            return False

    def _write(
        self, entry: Path, path: Path, table: Mapping[str, Any], connectors: Connectors, device: torch.device | str
    ) -> None:
        audio = table.get("audio_prompt_embeds")
        if audio is None and "audio" in self._wanted:
            raise DataError(
                "holds no caption features for audio", where=path, hint="prepare its caption with this checkpoint"
            )
        with torch.no_grad():
            contexts = connectors(
                table["video_prompt_embeds"][None].to(device),
                None if audio is None else audio[None].to(device),
                table["prompt_attention_mask"][None].to(device),
            )
        found = {name: value for name, value in zip(("video", "audio"), contexts, strict=True) if name in self._wanted}
        tensors = {name: value[0].cpu().contiguous() for name, value in found.items() if value is not None}
        if set(tensors) != set(self._wanted):
            raise ValueError(f"the connectors gave {sorted(tensors)}, the run needs {sorted(self._wanted)}")
        for name, value in tensors.items():
            if not torch.isfinite(value).all():
                raise NumericError(f"the {name} connector's output is not finite", where=path)
        write_atomic(entry, save(tensors), durable=False)


def _stamp(path: Path) -> str:
    """A file by its place, size and time of change. Raises DataError when it is gone."""
    try:
        found = path.stat()
    except OSError as error:
        raise DataError(f"cannot be read: {error.strerror or error}", where=path) from error
    return f"{path.absolute()}|{found.st_size}|{found.st_mtime_ns}"
