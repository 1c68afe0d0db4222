"""Prepared datasets of given shapes with zeros in them, as ``prepare`` lays them out (readers look at shapes)."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import torch

torch.set_num_threads(1)


def save(path: Path, value: Any) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    torch.save(value, path)
    return path


def video(
    frames: int = 7, height: int = 18, width: int = 18, *, channels: int = 128, fps: float = 24.0
) -> dict[str, Any]:
    """Video latents; frames, height and width in latent units."""
    latents = torch.zeros(channels, frames, height, width, dtype=torch.bfloat16)
    return {"latents": latents, "num_frames": frames, "height": height, "width": width, "fps": fps}


def audio(steps: int = 51, *, channels: int = 8, bins: int = 16) -> dict[str, Any]:
    latents = torch.zeros(channels, steps, bins)
    return {"latents": latents, "num_time_steps": steps, "frequency_bins": bins, "duration": steps / 25}


def text(video_width: int = 4096, audio_width: int | None = 2048, tokens: int = 4) -> dict[str, Any]:
    """Caption features; real ones have 1024 tokens."""
    found = {
        "video_prompt_embeds": torch.zeros(tokens, video_width, dtype=torch.bfloat16),
        "prompt_attention_mask": torch.ones(tokens, dtype=torch.int64),
    }
    if audio_width is not None:
        found["audio_prompt_embeds"] = torch.zeros(tokens, audio_width, dtype=torch.bfloat16)
    return found


def video_mask(frames: int = 7, height: int = 18, width: int = 18, *, given: bool | None = None) -> dict[str, Any]:
    """A mask; ``given`` None: the left half, True: everything, False: nothing."""
    mask = torch.zeros(frames, height, width)
    if given is not False:
        mask[:, :, : width if given else width // 2] = 1
    return {"mask": mask}


def audio_mask(steps: int = 51) -> dict[str, Any]:
    mask = torch.zeros(steps)
    mask[: steps // 2] = 1
    return {"mask": mask}


def dataset(root: Path, directories: dict[str, dict[str, Any]], names: Iterable[str] = ("a", "b", "c")) -> Path:
    """``root/<directory>/<name>.pt`` with the same content for every name."""
    for directory, value in directories.items():
        for name in names:
            save(root / directory / f"{name}.pt", value)
    return root
