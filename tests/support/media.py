"""Real media files for tests, written with the libraries that read them."""

from __future__ import annotations

from pathlib import Path

import av
import numpy as np
from PIL import Image


def write_clip(
    path: Path, frames: int = 9, size: tuple[int, int] = (64, 48), fps: int = 24, *, sound: bool = False
) -> Path:
    """A video of moving brightness, H.264; ``size`` is (width, height); with a silent stereo track when asked."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w") as container:
        video = container.add_stream("libx264", rate=fps)
        video.width, video.height = size
        video.pix_fmt = "yuv420p"
        audio = container.add_stream("aac", rate=16000, layout="stereo") if sound else None
        for index in range(frames):
            picture = np.full((size[1], size[0], 3), (index * 20) % 256, np.uint8)
            container.mux(video.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(video.encode(None))
        if audio is not None:
            wave = av.AudioFrame.from_ndarray(
                np.zeros((2, 16000 * frames // fps), np.float32), format="fltp", layout="stereo"
            )
            wave.sample_rate = 16000
            container.mux(audio.encode(wave))
            container.mux(audio.encode(None))
    return path


def write_sound(path: Path, seconds: float = 1.0, rate: int = 16000) -> Path:
    """A silent mono WAV file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("pcm_s16le", rate=rate, layout="mono")
        wave = av.AudioFrame.from_ndarray(np.zeros((1, int(seconds * rate)), np.int16), format="s16", layout="mono")
        wave.sample_rate = rate
        container.mux(stream.encode(wave))
        container.mux(stream.encode(None))
    return path


def write_image(path: Path, size: tuple[int, int] = (64, 48), orientation: int | None = None) -> Path:
    """A grey picture of ``size`` (width, height) as stored, with an EXIF orientation when asked."""
    path.parent.mkdir(parents=True, exist_ok=True)
    image = Image.new("RGB", size, (128, 128, 128))
    exif = image.getexif()
    if orientation is not None:
        exif[0x0112] = orientation
    image.save(path, exif=exif)
    return path
