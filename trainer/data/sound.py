"""Decoding of sound into stereo at the rate the audio VAE reads.

Legend of shapes: C channels of the source, 2 stereo, S samples.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import av
import numpy as np
from numpy.typing import NDArray

from schemas.errors import DataError

Wave = NDArray[np.float32]
_HALF = 1 / math.sqrt(2)
_NEGLIGIBLE_OFFSET = 0.005
"""Seconds: shorter gaps between the starts of sound and picture are padding of the codec."""
SILENCE = 1e-4
"""A sound whose loudest sample is below this is silent (-80 dB)."""


@dataclass(frozen=True, slots=True)
class Sound:
    """Samples of one file in about [-1, 1]."""

    wave_CS: Wave
    rate: int

    @property
    def seconds(self) -> float:
        return self.wave_CS.shape[1] / self.rate

    @property
    def silent(self) -> bool:
        return not self.wave_CS.size or float(np.abs(self.wave_CS).max()) < SILENCE


def read_sound(path: Path, seconds: float | None = None) -> Sound | None:
    """All of a file's first sound track, or a little more than its first ``seconds``; None when it has none.

    A track that starts later or earlier than the picture is moved to the picture's start.
    Raises DataError when there is a track that cannot be decoded.
    """
    try:
        with av.open(str(path)) as container:
            if not container.streams.audio:
                return None
            return _decode(path, container, seconds)
    except av.FFmpegError as error:
        raise DataError(
            f"its sound cannot be decoded: {error.strerror or error}",
            where=path,
            hint="check that it plays; convert the sound to AAC or WAV if it does",
        ) from error


def _decode(path: Path, container: Any, seconds: float | None) -> Sound:
    stream = container.streams.audio[0]
    rate, resampler, blocks, offset, length = 0, None, [], 0.0, 0
    for frame in container.decode(stream):
        if resampler is None:
            rate, offset = frame.rate, _start_offset(container, frame)
            # Same rate and layout: only the sample format becomes planar float.
            resampler = av.AudioResampler(format="fltp", layout=frame.layout, rate=rate)
        for converted in resampler.resample(frame):
            blocks.append(converted.to_ndarray())
            length += blocks[-1].shape[1]
        if seconds is not None and length > (seconds + abs(offset) + 1) * rate:
            break
    if not blocks:
        raise DataError("has a sound track without a single sample", where=path)
    return Sound(_aligned(np.concatenate(blocks, axis=1).astype(np.float32), offset, rate), rate)


def _start_offset(container: Any, frame: Any) -> float:
    """Seconds from the start of the picture to the first sample."""
    if not container.streams.video or frame.time is None:
        return 0.0
    video = container.streams.video[0]
    begin = float(video.start_time * video.time_base) if video.start_time else 0.0
    return float(frame.time) - begin


def _aligned(wave_CS: Wave, offset: float, rate: int) -> Wave:
    if abs(offset) < _NEGLIGIBLE_OFFSET:
        return wave_CS
    shift = round(offset * rate)
    return np.pad(wave_CS, ((0, 0), (shift, 0))) if shift > 0 else wave_CS[:, -shift:]


def to_stereo(wave_CS: Wave) -> Wave:
    """Two channels: mono doubled, 5.1 and 7.1 mixed down, anything else averaged and doubled.

    Order of the channels: left, right, centre, low frequency (left out), back left, back right[, side left, right].
    The weights add up to one, so that nothing clips.
    """
    channels = wave_CS.shape[0]
    if channels == 2:
        return wave_CS
    if channels in (6, 8):
        surround = (4,) if channels == 6 else (4, 6)
        total = 1 + _HALF * (1 + len(surround))
        mixed = [
            wave_CS[side] + _HALF * (wave_CS[2] + sum(wave_CS[index + side] for index in surround)) for side in (0, 1)
        ]
        return (np.stack(mixed) / total).astype(np.float32)
    return np.repeat(wave_CS.mean(axis=0, keepdims=True), 2, axis=0).astype(np.float32)


def resample(wave_2S: Wave, rate: int, target: int) -> Wave:
    """Stereo at another rate; the length becomes ceil(S * target / rate)."""
    if rate == target:
        return wave_2S
    resampler = av.AudioResampler(format="fltp", layout="stereo", rate=target)
    frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(wave_2S), format="fltp", layout="stereo")
    frame.sample_rate = rate
    blocks = [out.to_ndarray() for part in (frame, None) for out in resampler.resample(part)]
    wave = np.concatenate(blocks, axis=1)
    length = -(-wave_2S.shape[1] * target // rate)
    return fit(wave, length)


def fit(wave_2S: Wave, samples: int) -> Wave:
    """Cut, or fill up with silence at the end, to ``samples``."""
    have = wave_2S.shape[1]
    return wave_2S[:, :samples] if have >= samples else np.pad(wave_2S, ((0, 0), (0, samples - have)))
