"""A published checkpoint's header and small data for every preset, in places short enough to be typed."""

from __future__ import annotations

from pathlib import Path

from tests.support import prepared
from tests.support.media import write_clip, write_image, write_sound
from tests.support.sparse import write_real
from tests.trainer.files.test_gemma import write_gemma

FRAMES, SIDE = 11, 18
"""Latent: long enough for every prefix and suffix, as large as the samples of a 32 GB card."""
NAMES = ("a", "b", "c")


def write_world(root: Path) -> Path:
    """``m.safetensors``, ``gemma/``, ``data/`` with everything any preset reads, ``validation/`` with its media."""
    write_real(root, "ltx-2.3-22b").rename(root / "m.safetensors")
    write_gemma(root / "gemma")
    video = prepared.video(FRAMES, SIDE, SIDE)
    audio = prepared.audio(round((8 * (FRAMES - 1) + 1) / 24 * 25))
    directories = {
        "conditions": prepared.text(tokens=128),
        "latents": video,
        "reference_latents": video,
        "video_masks": prepared.video_mask(FRAMES, SIDE, SIDE),
        "audio_latents": audio,
        "reference_audio_latents": audio,
        "audio_masks": prepared.audio_mask(audio["num_time_steps"]),
    }
    prepared.dataset(root / "data", directories, NAMES)
    _media(root / "validation")
    return root


def _media(folder: Path) -> None:
    """Under the names that the presets give them."""
    for number in (1, 2):
        write_image(folder / f"image_{number}.png")
        for name in ("clip", "reference", "mask"):
            write_clip(folder / f"{name}_{number}.mp4", 97)
        for name in ("sound", "reference"):
            write_sound(folder / f"{name}_{number}.wav", 5.0)
        prepared.save(folder / f"mask_{number}.pt", prepared.audio_mask(126))
