"""What a preset asks of the demo's clips, read from the preset itself."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

import presets
from presets.geometry import pixel_frames

WIDTH: Final = 64
HEIGHT: Final = 64
FPS: Final = 25
"""The clips are rendered a little larger (96 x 64, 75 frames) at this frame rate, and prepared at this size."""
FRAMES: Final = 49
SPARE: Final = 2
"""Latent frames left to learn beside those that a prefix or suffix gives."""


@dataclass(frozen=True, slots=True)
class Needs:
    """What has to be rendered and how it is prepared."""

    roles: tuple[str, ...]
    """Columns of the dataset file beside the caption: video, audio, reference_video, video_mask, ..."""
    frames: int
    """Length of the prepared clips, and of the samples."""
    sound: bool
    """Whether the preset uses sound at all."""

    @property
    def buckets(self) -> list[tuple[int, int, int]] | None:
        """The ``resolution_buckets`` of ``prepare``; None for a dataset of sounds."""
        return [(WIDTH, HEIGHT, self.frames)] if "video" in self.roles else None

    @staticmethod
    def of(preset: str) -> Needs:
        """The needs of a preset; raises ConfigError for an unknown name."""
        strategy = presets.load(preset)["training_strategy"]
        given = max(_given_frames(strategy.get("video") or {}), default=0)
        return Needs(
            roles=tuple(column for column in presets.describe(preset).columns if column != "caption"),
            frames=max(FRAMES, pixel_frames(given + SPARE)),
            sound=strategy.get("audio") is not None,
        )


def _given_frames(video: Mapping[str, Any]) -> Iterator[int]:
    """Latent frames that the prefix and suffix conditions give."""
    for condition in video.get("conditions", []):
        if "temporal_boundary" in condition:
            yield int(condition["temporal_boundary"])
