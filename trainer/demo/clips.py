"""Real media files of the demo scenes: MP4 (H.264 + AAC stereo), WAV, and the dataset file that lists them.

Every role a preset may need can be asked for; each is written as a file of its own, as users have them.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from trainer.data.films import write_mp4, write_wav
from trainer.demo.scenes import (
    SCENES,
    Frames,
    Scene,
    Wave,
    render_frames,
    render_mask,
    render_outline,
    render_wave,
)

SOUND_RATE = 48000
ROLES = ("video", "audio", "reference_video", "reference_audio", "video_mask", "audio_mask")


@dataclass(frozen=True, slots=True)
class ClipShape:
    """Size and length of the rendered clips: pixels, frames, frames per second."""

    width: int = 96
    height: int = 64
    frames: int = 75
    fps: int = 25

    @property
    def seconds(self) -> float:
        return self.frames / self.fps


def render_clips(
    directory: Path,
    *,
    count: int = len(SCENES),
    shape: ClipShape | None = None,
    roles: Collection[str] = ("video",),
    silent: Collection[int] = (),
) -> Path:
    """Write ``count`` clips with the files of ``roles`` and return the path of ``dataset.json``.

    ``silent`` lists clips (by index) whose video gets no sound track. Files that exist are kept.
    """
    shape = shape or ClipShape()
    unknown = set(roles) - set(ROLES)
    if unknown:
        raise ValueError(f"unknown roles {sorted(unknown)}; known: {ROLES}")
    rows = []
    for index, scene in enumerate(SCENES[:count]):
        row = {"caption": scene.caption}
        for role in ROLES:
            if role in roles:
                row["media_path" if role == "video" else role] = _write(directory, role, scene, shape, index in silent)
        rows.append(row)
    dataset = directory / "dataset.json"
    dataset.write_text(json.dumps(rows, indent=2) + "\n", encoding="utf-8")
    return dataset


def _write(directory: Path, role: str, scene: Scene, shape: ClipShape, silent: bool) -> str:
    """Write one file unless it exists; returns its path relative to ``directory``."""
    suffix = ".mp4" if role in ("video", "reference_video", "video_mask") else ".wav"
    folder = "clips" if role == "video" else role
    name = f"{folder}/{scene.name}{suffix}"
    path = directory / name
    if path.exists():
        return name
    path.parent.mkdir(parents=True, exist_ok=True)
    if suffix == ".mp4":
        picture: dict[str, Callable[[Scene, int, int, int], Frames]] = {
            "video": render_frames,
            "reference_video": render_outline,
            "video_mask": render_mask,
        }
        frames = picture[role](scene, shape.width, shape.height, shape.frames)
        wave = render_wave(scene, shape.seconds, SOUND_RATE) if role == "video" and not silent else None
        write_mp4(path, frames, shape.fps, wave, SOUND_RATE)
    else:
        write_wav(path, _sound(role, scene, shape.seconds), SOUND_RATE)
    return name


def _sound(role: str, scene: Scene, seconds: float) -> Wave:
    if role == "reference_audio":  # the same melody without its place in the room
        return np.repeat(render_wave(scene, seconds, SOUND_RATE).mean(axis=0, keepdims=True), 2, axis=0)
    if role == "audio_mask":  # loud = keep: the first half
        samples = round(seconds * SOUND_RATE)
        return np.repeat((np.arange(samples) < samples // 2)[None].astype(np.float32) * 0.9, 2, axis=0)
    return render_wave(scene, seconds, SOUND_RATE)
