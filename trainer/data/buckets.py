"""Which size a clip is brought to: the choice of a bucket, and the resize and crop that follow from it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from schemas.errors import UsageError
from trainer.files.checkpoint import VaeScale


@dataclass(frozen=True, slots=True, order=True)
class Bucket:
    """Frames, height and width in pixels."""

    frames: int
    height: int
    width: int

    def __str__(self) -> str:
        return f"{self.width}x{self.height}x{self.frames}"

    def latent(self, scale: VaeScale) -> tuple[int, int, int]:
        """Latent frames, height and width."""
        return (self.frames - 1) // scale.temporal + 1, self.height // scale.spatial, self.width // scale.spatial

    def reduced(self, downscale: int, temporal: int, scale: VaeScale) -> Bucket:
        """The bucket of a reference ``downscale`` times smaller that keeps one frame in ``temporal``.

        Raises UsageError when the result is not a whole number of latent steps.
        """
        if self.height % (downscale * scale.spatial) or self.width % (downscale * scale.spatial):
            raise UsageError(
                f"references of bucket {self} cannot be {downscale} times smaller",
                where="--reference-downscale-factor",
                why=f"height and width must stay multiples of {scale.spatial}",
                hint=f"use a bucket whose sides are multiples of {downscale * scale.spatial}",
            )
        kept = (self.frames - 1) // temporal
        if (self.frames - 1) % temporal or kept % scale.temporal:
            raise UsageError(
                f"references of bucket {self} cannot keep one frame in {temporal}",
                where="--reference-temporal-scale-factor",
                why=f"the frames kept must be a multiple of {scale.temporal} plus 1",
                hint=f"use a bucket with a multiple of {temporal * scale.temporal} plus 1 frames",
            )
        return Bucket(kept + 1, self.height // downscale, self.width // downscale)


def check_buckets(sizes: Sequence[tuple[int, int, int]], scale: VaeScale) -> tuple[Bucket, ...]:
    """Buckets from (width, height, frames); UsageError for one the video VAE cannot encode."""
    buckets = []
    for width, height, frames in sizes:
        bucket = Bucket(frames, height, width)
        if width % scale.spatial or height % scale.spatial or (frames - 1) % scale.temporal:
            side, step = scale.spatial, scale.temporal
            fitting = Bucket(
                max(round((frames - 1) / step), 0) * step + 1,
                max(round(height / side), 1) * side,
                max(round(width / side), 1) * side,
            )
            raise UsageError(
                f"bucket {bucket} does not fit this checkpoint",
                where="--resolution-buckets",
                why=f"sides must be multiples of {side}, frames a multiple of {step} plus 1",
                hint=f"the nearest that fits is {fitting}",
            )
        buckets.append(bucket)
    return tuple(buckets)


def choose_bucket(buckets: Sequence[Bucket], width: int, height: int, frames: int) -> Bucket | None:
    """The bucket for a clip: closest in aspect, then most frames, then largest; None when the clip is too short."""
    candidates = [bucket for bucket in buckets if bucket.frames <= frames]
    aspect = math.log(width / height)
    return min(
        candidates,
        key=lambda each: (
            abs(aspect - math.log(each.width / each.height)),
            -each.frames,
            -each.height * each.width,
        ),
        default=None,
    )


@dataclass(frozen=True, slots=True)
class Framing:
    """How a picture becomes one of a bucket's size: scaled to ``scaled_*`` so that it covers, then cut out."""

    scaled_width: int
    scaled_height: int
    left: int
    top: int
    width: int
    height: int

    @staticmethod
    def centred(width: int, height: int, bucket: Bucket) -> Framing:
        """Keep the aspect, cover the bucket, cut out the middle."""
        if width * bucket.height > height * bucket.width:
            scaled_width, scaled_height = int(width * bucket.height / height), bucket.height
        else:
            scaled_width, scaled_height = bucket.width, int(height * bucket.width / width)
        # Rounding down may miss the bucket by one pixel when the aspects are equal.
        scaled_width, scaled_height = max(scaled_width, bucket.width), max(scaled_height, bucket.height)
        return Framing(
            scaled_width,
            scaled_height,
            (scaled_width - bucket.width) // 2,
            (scaled_height - bucket.height) // 2,
            bucket.width,
            bucket.height,
        )


def kept_frames(frames: int, factor: int) -> tuple[int, ...]:
    """Indices that a temporal subsample by ``factor`` keeps: 0, then 1, 1 + factor, 1 + 2 factor, ..."""
    return (0, *range(1, frames, factor))
