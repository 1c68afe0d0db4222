"""Sizes in tokens: what width, height, frames and seconds become inside the model. Torch-free.

Formulas: N_video = (W / S) (H / S) ((F - 1) / T + 1) with the video VAE's factors S = 32 and T = 8 by default;
25 audio latents a second; mu is the line through (1024, 0.95) and (4096, 2.05), not clamped.
"""

from __future__ import annotations

from typing import Final

SPATIAL: Final = 32
"""Pixels per latent cell, each way."""
TEMPORAL: Final = 8
"""Frames per latent frame; the first latent frame holds one frame."""
AUDIO_RATE: Final = 25
"""Audio latents per second."""
_MU_LOW: Final = (1024, 0.95)
_MU_HIGH: Final = (4096, 2.05)


def latent_frames(frames: int, temporal: int = TEMPORAL) -> int:
    """Latent frames of ``frames`` pixel frames, rounded down to what a causal VAE keeps."""
    return (frames - 1) // temporal + 1


def pixel_frames(latents: int, temporal: int = TEMPORAL) -> int:
    """Pixel frames of a clip, or of a prefix, of ``latents`` latent frames."""
    return 1 + (latents - 1) * temporal


def video_tokens(width: int, height: int, frames: int, spatial: int = SPATIAL, temporal: int = TEMPORAL) -> int:
    """Tokens of a video of width x height pixels and ``frames`` frames."""
    return (width // spatial) * (height // spatial) * latent_frames(frames, temporal)


def audio_tokens(frames: int, fps: float) -> int:
    """Tokens of the sound of a video: its seconds times 25, rounded, in that order of operations."""
    return round(frames / fps * AUDIO_RATE)


def mu(tokens: int) -> float:
    """Shift of the noise level for a sequence of ``tokens`` target tokens."""
    slope = (_MU_HIGH[1] - _MU_LOW[1]) / (_MU_HIGH[0] - _MU_LOW[0])
    return _MU_LOW[1] + slope * (tokens - _MU_LOW[0])


def fits_grid(
    width: int, height: int, frames: int, spatial: int = SPATIAL, temporal: int = TEMPORAL
) -> tuple[str, ...]:
    """What keeps a size off the latent grid, in words; empty when it fits."""
    wrong = []
    for name, value in (("width", width), ("height", height)):
        if value % spatial:
            wrong.append(f"{name} {value} is not a multiple of {spatial}")
    if (frames - 1) % temporal:
        wrong.append(f"{frames} frames is not {temporal}k+1")
    return tuple(wrong)
