"""Decoding of videos and images into pixels of a bucket's size.

Videos are read in order from their first frame, without changing the frame rate. Rotation from the container or from
EXIF is applied. Legend of shapes: F frames, C colours, H height, W width.
"""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import av
import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image, ImageCms, ImageOps
from torch import Tensor

from schemas.errors import DataError
from trainer.data.buckets import Bucket, Framing
from trainer.files.media import IMAGE_SUFFIXES

Picture = NDArray[np.uint8]
DEFAULT_FPS = 24.0
"""Frame rate of a video whose container names none."""
_UNEVEN = 1.5
"""A longest frame this many times the shortest one means a variable frame rate."""


@dataclass(frozen=True, slots=True)
class Clip:
    """Pixels of one clip in [0, 1], at the bucket's size."""

    pixels_CFHW: Tensor
    fps: float
    """Average frame rate of the source; 0 for an image."""
    notes: tuple[str, ...] = ()


class ShortClipError(DataError):
    """A video holds fewer frames than its container said."""

    def __init__(self, path: Path, wanted: int, found: int) -> None:
        super().__init__(f"has {found} frames, {wanted} are needed", where=path)
        self.found = found


def is_image(path: Path) -> bool:
    """Whether a file is read as a still picture."""
    return path.suffix.lower() in IMAGE_SUFFIXES


def read_clip(path: Path, bucket: Bucket, indices: Sequence[int] | None = None) -> Clip:
    """The frames ``indices`` (default: the first ``bucket.frames``), covering the bucket and cut to its middle.

    ``indices`` ascend. Raises DataError for what cannot be decoded and ShortClipError when frames are missing.
    """
    wanted = tuple(range(bucket.frames)) if indices is None else tuple(indices)
    frames = []
    if is_image(path):
        if wanted != (0,):
            raise ShortClipError(path, wanted[-1] + 1, 1)
        picture = read_image(path)
        return Clip(_fit(picture, bucket)[:, None], 0.0)
    reader = VideoReader(path)
    for index, picture in enumerate(reader):
        if index in wanted:
            frames.append(_fit(picture, bucket))
        if index == wanted[-1]:
            break
    if len(frames) < len(wanted):
        raise ShortClipError(path, wanted[-1] + 1, reader.count)
    return Clip(torch.stack(frames, dim=1), reader.fps, reader.notes())


def _fit(picture: Picture, bucket: Bucket) -> Tensor:
    """One picture [H,W,3] as [3,H,W] of the bucket's size, bicubic with antialiasing."""
    height, width = picture.shape[:2]
    return scale_and_crop(to_unit(picture), Framing.centred(width, height, bucket), "bicubic")


def to_unit(picture: Picture) -> Tensor:
    """[H,W,3] bytes as float [3,H,W] in [0, 1]."""
    return torch.from_numpy(np.ascontiguousarray(picture)).permute(2, 0, 1).to(torch.float32) / 255


def scale_and_crop(picture_CHW: Tensor, framing: Framing, mode: Literal["bicubic", "bilinear"]) -> Tensor:
    """Apply a framing with antialiasing; the result stays in [0, 1]."""
    size = (framing.scaled_height, framing.scaled_width)
    if tuple(picture_CHW.shape[1:]) != size:
        picture_CHW = torch.nn.functional.interpolate(
            picture_CHW[None], size=size, mode=mode, antialias=True, align_corners=False
        )[0]
    cut = picture_CHW[:, framing.top : framing.top + framing.height, framing.left : framing.left + framing.width]
    return cut.clamp(0, 1)


class VideoReader:
    """Iterates over a video's pictures [H,W,3] as displayed; ``count`` and ``notes()`` tell what was met."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.fps = DEFAULT_FPS
        self.count = 0
        self._steps: list[float] = []

    def __iter__(self) -> Iterator[Picture]:
        try:
            with av.open(str(self.path)) as container:
                if not container.streams.video:
                    raise DataError("holds no video stream", where=self.path)
                stream = container.streams.video[0]
                stream.thread_type = "AUTO"
                self.fps = float(stream.average_rate or stream.base_rate or DEFAULT_FPS)
                last: float | None = None
                for frame in container.decode(stream):
                    if frame.time is not None and last is not None:
                        self._steps.append(frame.time - last)
                    last = frame.time
                    self.count += 1
                    yield _upright(frame, self.path)
        except av.FFmpegError as error:
            raise DataError(
                f"cannot be decoded after {self.count} frames: {error.strerror or error}",
                where=self.path,
                hint="check that it plays to the end; convert it to MP4 (H.264) if it does",
            ) from error

    def notes(self) -> tuple[str, ...]:
        """What a person should know about the frames read so far."""
        steps = [step for step in self._steps if step > 0]
        if steps and max(steps) > _UNEVEN * min(steps):
            span = f"{min(steps):.3f} to {max(steps):.3f} s a frame"
            return (f"variable frame rate ({span}); {self.fps:.3f} fps assumed",)
        return ()


def _upright(frame: Any, path: Path) -> Picture:
    """A decoded frame as RGB, turned as the container says (degrees, counter-clockwise)."""
    picture: Picture = frame.to_ndarray(format="rgb24")
    rotation = round(frame.rotation)
    if rotation % 90:
        raise DataError(f"is rotated by {rotation} degrees, only quarter turns can be applied", where=path)
    return np.rot90(picture, k=rotation // 90 % 4)


def read_image(path: Path) -> Picture:
    """A still picture as sRGB [H,W,3], upright as EXIF says."""
    try:
        with Image.open(path) as opened:
            return np.array(_srgb(ImageOps.exif_transpose(opened)), dtype=np.uint8)
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError, ImageCms.PyCMSError) as error:
        raise DataError(f"is not an image that can be read: {error}", where=path, hint="convert it to PNG") from error


def _srgb(image: Image.Image) -> Image.Image:
    profile = image.info.get("icc_profile")
    if profile and image.mode in ("RGB", "RGBA", "L", "CMYK"):
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        converted = ImageCms.profileToProfile(image, source, ImageCms.createProfile("sRGB"), outputMode="RGB")
        return converted or image.convert("RGB")
    return image.convert("RGB")
