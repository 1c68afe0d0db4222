"""The little scenes of the demo: a coloured shape moves, and a tone follows it (height -> pitch, side -> stereo).

Pure functions of the scene and the time, so that clips, masks, references and the statistics of the tiny VAEs all
come from the same picture. Legend of shapes: T frames, H height, W width, S samples.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Frames = NDArray[np.uint8]
Wave = NDArray[np.float32]
Path2D = Callable[[NDArray[np.float64]], tuple[NDArray[np.float64], NDArray[np.float64]]]

LOWEST_TONE = 220.0
"""Hz, at the bottom of the picture; two octaves more at the top."""


@dataclass(frozen=True, slots=True)
class Scene:
    """One shape on its way. Positions are fractions of the picture, times fractions of the clip."""

    name: str
    caption: str
    shape: str
    colour: tuple[int, int, int]
    background: tuple[int, int, int]
    path: Path2D


def _turns(u: NDArray[np.float64], count: float) -> NDArray[np.float64]:
    return 2 * np.pi * count * u


SCENES: tuple[Scene, ...] = (
    Scene(
        "red_circle_right",
        "A red circle glides from left to right across a dark blue background while a calm tone moves with it.",
        "circle",
        (225, 50, 40),
        (20, 30, 80),
        lambda u: (0.15 + 0.7 * u, np.full_like(u, 0.5)),
    ),
    Scene(
        "green_square_left",
        "A green square slides from right to left across a light grey background, its low tone fading to the left.",
        "square",
        (40, 180, 70),
        (205, 205, 210),
        lambda u: (0.85 - 0.7 * u, np.full_like(u, 0.7)),
    ),
    Scene(
        "yellow_circle_bounce",
        "A yellow ball bounces up and down over a brown background, the pitch jumping with every bounce.",
        "circle",
        (250, 215, 60),
        (90, 55, 30),
        lambda u: (0.3 + 0.4 * u, 0.8 - 0.6 * np.abs(np.sin(_turns(u, 1.0)))),
    ),
    Scene(
        "blue_diamond_rise",
        "A blue diamond rises slowly in front of an orange background and the tone climbs with it.",
        "diamond",
        (40, 90, 230),
        (245, 150, 60),
        lambda u: (np.full_like(u, 0.5), 0.85 - 0.7 * u),
    ),
    Scene(
        "white_square_circle",
        "A white square runs around in a circle on a black background, humming up and down around the listener.",
        "square",
        (245, 245, 245),
        (12, 12, 12),
        lambda u: (0.5 + 0.3 * np.cos(_turns(u, 1.0)), 0.5 + 0.3 * np.sin(_turns(u, 1.0))),
    ),
    Scene(
        "purple_diamond_fall",
        "A purple diamond falls diagonally through a pale green background with a sinking tone.",
        "diamond",
        (140, 50, 190),
        (190, 235, 195),
        lambda u: (0.2 + 0.6 * u, 0.15 + 0.7 * u),
    ),
)


def frame_times(frames: int) -> NDArray[np.float64]:
    """Time of each frame as a fraction of the clip."""
    return np.arange(frames, dtype=np.float64) / max(frames - 1, 1)


def coverage(scene: Scene, width: int, height: int, frames: int, scale: float = 1.0) -> NDArray[np.float64]:
    """How much of every pixel the shape, ``scale`` times as big, covers: [T,H,W] in 0..1 (soft edges of one pixel)."""
    x, y = scene.path(frame_times(frames))
    radius = 0.22 * height * scale
    across = np.abs(np.arange(width) + 0.5 - x[:, None] * width)[:, None, :]
    down = np.abs(np.arange(height) + 0.5 - y[:, None] * height)[:, :, None]
    distance = {
        "circle": lambda: np.hypot(across, down),
        "square": lambda: np.maximum(across, down) * 1.15,
        "diamond": lambda: (across + down) * 0.8,
    }[scene.shape]()
    return np.clip(radius - distance + 0.5, 0.0, 1.0)


def render_frames(scene: Scene, width: int, height: int, frames: int) -> Frames:
    """RGB pictures [T,H,W,3], with a soft vertical shade so that no region is flat."""
    cover = coverage(scene, width, height, frames)[..., None]
    shade = np.linspace(1.1, 0.8, height)[None, :, None, None]
    background = np.asarray(scene.background, dtype=np.float64) * shade
    picture = cover * np.asarray(scene.colour, dtype=np.float64) + (1 - cover) * background
    return np.clip(np.rint(picture), 0, 255).astype(np.uint8)


def render_mask(scene: Scene, width: int, height: int, frames: int) -> Frames:
    """White where the shape, half as big again, is; black elsewhere: [T,H,W,3]."""
    inside = coverage(scene, width, height, frames, scale=1.5) > 0.5
    return np.repeat((inside * np.uint8(255))[..., None], 3, axis=-1)


def render_outline(scene: Scene, width: int, height: int, frames: int) -> Frames:
    """White outline of the shape on black, a control signal: [T,H,W,3]."""
    cover = coverage(scene, width, height, frames)
    slope = np.abs(np.gradient(cover, axis=1)) + np.abs(np.gradient(cover, axis=2))
    return np.repeat((np.clip(slope, 0, 1) * 255).astype(np.uint8)[..., None], 3, axis=-1)


def render_wave(scene: Scene, seconds: float, rate: int) -> Wave:
    """Stereo sound [2,S] in -1..1: pitch from the height of the shape, balance from its side, one overtone."""
    samples = round(seconds * rate)
    x, y = scene.path(np.arange(samples, dtype=np.float64) / max(samples - 1, 1))
    phase = 2 * np.pi * np.cumsum(LOWEST_TONE * 4 ** (1 - y)) / rate
    tone = np.sin(phase) + 0.35 * np.sin(2 * phase)
    edge = np.minimum(1.0, np.minimum(np.arange(samples), np.arange(samples)[::-1]) / (0.01 * rate))
    balance = np.stack([np.cos(x * np.pi / 2), np.sin(x * np.pi / 2)])
    return (0.45 * balance * tone * edge).astype(np.float32)
