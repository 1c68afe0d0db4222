"""Samples as files: MP4, WAV, PNG. Every file appears whole or not at all. Free of torch.

Legend: T frames, H height, W width, C colour channels, A audio channels, S audio samples.
"""

from __future__ import annotations

import contextlib
import wave
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any, Final

import av
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from trainer.rundir.atomic import disk_fault, temporary_sibling

Pixels = NDArray[np.uint8]
Wave = NDArray[np.float32]

CRF: Final = 18
"""Constant quality of x264: visually lossless."""
POSTER_SIDE: Final = 320
_AUDIO_BLOCK: Final = 1024
_BT709: Final = 1
_LIMITED_RANGE: Final = 1


def exact_rate(fps: float) -> Fraction:
    """The frame rate as the fraction it stands for: 29.97 is 2997/100, 23.976023976 is 24000/1001."""
    return Fraction(fps).limit_denominator(10_000)


def to_pixels(video_CTHW: NDArray[np.float32]) -> Pixels:
    """``[T, H, W, C]`` bytes of a video in [-1, 1]: clamped and rounded, not cut off."""
    scaled = np.rint((np.clip(video_CTHW, -1, 1) + 1) * 127.5).astype(np.uint8)
    return np.ascontiguousarray(np.moveaxis(scaled, 0, -1))


@dataclass(frozen=True, slots=True, eq=False)
class Shown:
    """A reference to be shown: pictures ``[T, H, W, 3]``, one for every ``every`` frames after the first."""

    frames_THWC: Pixels
    every: int = 1


def beside(reference: Shown, frames_THWC: Pixels) -> Pixels:
    """The reference to the left of a video: scaled to its height, and each picture held until the next one begins."""
    height = frames_THWC.shape[1]
    pictures = [_of_height(picture, height) for picture in reference.frames_THWC]
    last = len(pictures) - 1
    places = [0 if index == 0 else min(1 + (index - 1) // reference.every, last) for index in range(len(frames_THWC))]
    return np.concatenate([np.stack([pictures[place] for place in places]), frames_THWC], axis=2)


def _of_height(picture_HWC: Pixels, height: int) -> Pixels:
    if picture_HWC.shape[0] == height:
        return picture_HWC
    width = max(round(picture_HWC.shape[1] * height / picture_HWC.shape[0]), 1)
    return np.asarray(Image.fromarray(picture_HWC).resize((width, height), Image.Resampling.BICUBIC))


def write_mp4(path: Path, frames_THWC: Pixels, fps: float, sound_AS: Wave | None = None, rate: int = 0) -> None:
    """H.264 (yuv420p, BT.709) at exactly ``fps``, with stereo AAC when there is sound.

    ``frames_THWC`` are RGB bytes; odd sizes grow by one line, repeated, because the format needs even ones.
    ``sound_AS`` is one or two channels in [-1, 1] at ``rate`` Hz. Raises EnvironmentFault when the disk refuses.
    """
    even = _even(frames_THWC)

    def write(temporary: Path) -> None:
        with av.open(str(temporary), "w", format="mp4", options={"movflags": "+faststart"}) as container:
            video = _video_stream(container, even.shape[2], even.shape[1], exact_rate(fps))
            audio = None if sound_AS is None else container.add_stream("aac", rate=rate, layout="stereo")
            for index, picture in enumerate(even):
                frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
                frame = frame.reformat(format="yuv420p", dst_colorspace="ITU709", dst_color_range="MPEG")
                frame.pts = index
                container.mux(video.encode(frame))
            container.mux(video.encode(None))
            if audio is not None and sound_AS is not None:
                for sound in _sound_frames(sound_AS, rate):
                    container.mux(audio.encode(sound))
                container.mux(audio.encode(None))

    _publish(path, write)


def write_wav(path: Path, sound_AS: Wave, rate: int) -> None:
    """16-bit PCM at ``rate`` Hz, channels as given; values outside [-1, 1] are clamped."""
    samples = np.rint(np.clip(sound_AS, -1, 1) * 32767).astype("<i2")

    def write(temporary: Path) -> None:
        with temporary.open("wb") as raw, wave.open(raw, "wb") as file:
            file.setnchannels(samples.shape[0])
            file.setsampwidth(2)
            file.setframerate(rate)
            file.writeframes(np.ascontiguousarray(samples.T).tobytes())

    _publish(path, write)


def write_png(path: Path, picture_HWC: Pixels) -> None:
    """One picture in full size."""
    _publish(path, lambda temporary: Image.fromarray(picture_HWC).save(temporary, format="PNG"))


def write_poster(path: Path, frames_THWC: Pixels) -> None:
    """The middle frame, at most POSTER_SIDE pixels on its longer side, for viewers that show no video."""
    picture = Image.fromarray(frames_THWC[len(frames_THWC) // 2])
    picture.thumbnail((POSTER_SIDE, POSTER_SIDE), Image.Resampling.LANCZOS)
    _publish(path, lambda temporary: picture.save(temporary, format="PNG"))


def _publish(path: Path, write: Callable[[Path], object]) -> None:
    temporary = temporary_sibling(path)
    try:
        write(temporary)
        temporary.replace(path)
    except OSError as error:  # PyAV's errors of reading and writing are OSErrors too
        raise disk_fault("cannot write the sample", path, error) from error
    finally:
        with contextlib.suppress(FileNotFoundError):
            temporary.unlink()


def _even(frames_THWC: Pixels) -> Pixels:
    height, width = frames_THWC.shape[1:3]
    if height % 2 or width % 2:
        return np.pad(frames_THWC, ((0, 0), (0, height % 2), (0, width % 2), (0, 0)), mode="edge")
    return frames_THWC


def _video_stream(container: Any, width: int, height: int, rate: Fraction) -> Any:
    stream = container.add_stream("libx264", rate=rate, options={"crf": str(CRF)})
    stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
    codec = stream.codec_context
    codec.time_base = 1 / rate
    codec.colorspace = codec.color_primaries = codec.color_trc = _BT709
    codec.color_range = _LIMITED_RANGE
    return stream


def _sound_frames(sound_AS: Wave, rate: int) -> list[Any]:
    stereo = np.clip(np.broadcast_to(sound_AS, (2, sound_AS.shape[1])), -1, 1).astype(np.float32)
    frames = []
    for start in range(0, stereo.shape[1], _AUDIO_BLOCK):
        block = np.ascontiguousarray(stereo[:, start : start + _AUDIO_BLOCK])
        frame = av.AudioFrame.from_ndarray(block, format="fltp", layout="stereo")
        frame.sample_rate, frame.pts, frame.time_base = rate, start, Fraction(1, rate)
        frames.append(frame)
    return frames
