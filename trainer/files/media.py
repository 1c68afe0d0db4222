"""What a video, image or sound file holds, without decoding more than one frame."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal

from schemas.errors import DataError, EnvironmentFault

if TYPE_CHECKING:
    from av.container import InputContainer

Kind = Literal["video", "image", "audio"]
IMAGE_SUFFIXES: Final = frozenset({".png", ".jpg", ".jpeg", ".webp", ".bmp", ".tif", ".tiff"})
_ORIENTATION_TAG: Final = 0x0112
_SIDEWAYS: Final = frozenset({5, 6, 7, 8})
"""EXIF orientations that swap width and height."""


@dataclass(frozen=True, slots=True)
class MediaInfo:
    """One media file. Sizes are as displayed, after rotation; what a kind does not have is 0."""

    kind: Kind
    width: int
    height: int
    frames: int
    """1 for an image. For a video the container's count, else the number of its packets."""
    fps: float
    """Average frame rate; 0 for images and sounds."""
    duration: float
    """Seconds."""
    has_audio: bool
    audio_channels: int
    audio_rate: int
    """Samples per second."""


def probe(path: str | Path) -> MediaInfo:
    """Describe a media file. DataError when it is missing, is no media file or its video cannot be decoded."""
    path = Path(path)
    try:
        if not path.exists():
            raise DataError("there is no such file", where=path, hint="check the path in the dataset file")
        if path.is_dir():
            raise DataError("is a directory, not a media file", where=path)
        if path.stat().st_size == 0:
            raise DataError("is empty (0 bytes)", where=path, hint="copy the file again")
    except OSError as error:
        raise EnvironmentFault(f"cannot be read: {error.strerror or error}", where=path) from error
    return _probe_image(path) if path.suffix.lower() in IMAGE_SUFFIXES else _probe_stream(path)


def _probe_image(path: Path) -> MediaInfo:
    from PIL import Image

    try:
        with Image.open(path) as image:
            width, height = image.size
            sideways = image.getexif().get(_ORIENTATION_TAG) in _SIDEWAYS
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise DataError(f"is not an image that can be read: {error}", where=path, hint="convert it to PNG") from error
    width, height = (height, width) if sideways else (width, height)
    return MediaInfo("image", width, height, 1, 0.0, 0.0, False, 0, 0)


def _probe_stream(path: Path) -> MediaInfo:
    import av

    try:
        with av.open(str(path)) as container:
            return _describe(path, container)
    except av.FFmpegError as error:
        raise DataError(
            f"is not a media file that can be read: {error.strerror or error}",
            where=path,
            hint="check that it plays; convert it to MP4 (H.264) if it does",
        ) from error


def _describe(path: Path, container: InputContainer) -> MediaInfo:
    sounds = container.streams.audio
    channels, rate = (sounds[0].channels, sounds[0].rate or 0) if sounds else (0, 0)
    duration = float(container.duration or 0) / 1_000_000
    if not container.streams.video:
        if not sounds:
            raise DataError("holds neither video nor audio", where=path)
        return MediaInfo("audio", 0, 0, 0, 0.0, duration, True, channels, rate)
    stream = container.streams.video[0]
    first = next(container.decode(stream), None)
    if first is None:
        raise DataError("its video stream holds no frame", where=path, hint="check that it plays")
    width, height = first.width, first.height
    if first.rotation % 180:
        width, height = height, width
    fps = float(stream.average_rate or stream.guessed_rate or 0)
    frames = stream.frames or _count_packets(container, stream)
    length = float(stream.duration * stream.time_base) if stream.duration and stream.time_base else duration
    return MediaInfo("video", width, height, frames, fps, length, bool(sounds), channels, rate)


def _count_packets(container: InputContainer, stream: Any) -> int:
    """Containers such as Matroska store no frame count; a packet of a video stream is a frame."""
    container.seek(0)
    return sum(1 for packet in container.demux(stream) if packet.size)
