"""The checkpoint that a golden file was made with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from trainer.files.checkpoint import ModelFiles, resolve_model_files


@dataclass(frozen=True)
class _Paths:
    model_path: Path
    text_encoder_path: Path | None = None
    video_vae_path: Path | None = None
    audio_vae_path: Path | None = None


def checkpoint_of(path: Path, metadata: Mapping[str, str]) -> ModelFiles:
    """The checkpoint named in a golden file's metadata, beside it."""
    return resolve_model_files(_Paths(path.parent / metadata["checkpoint"]))
