"""Sound: channel rules, resampling, alignment with the picture."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from schemas.errors import DataError
from trainer.data.films import write_mp4, write_wav
from trainer.data.sound import fit, read_sound, resample, to_stereo


def _tone(frequency: float, samples: int, rate: int) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
    return np.sin(2 * np.pi * frequency * np.arange(samples) / rate).astype(np.float32)


def test_channel_rules() -> None:
    def one(channel: int, channels: int) -> list[float]:
        wave = np.zeros((channels, 1), np.float32)
        wave[channel] = 1
        return [round(float(value), 4) for value in to_stereo(wave)[:, 0]]

    assert one(0, 1) == [1, 1]
    assert one(0, 2) == [1, 0]
    front, side = round(1 / 2.41421356, 4), round(0.70710678 / 2.41421356, 4)
    assert [one(channel, 6) for channel in range(6)] == [
        [front, 0],
        [0, front],
        [side, side],  # centre
        [0, 0],  # low frequency effects
        [side, 0],
        [0, side],
    ]
    front, side = round(1 / 3.12132034, 4), round(0.70710678 / 3.12132034, 4)
    assert one(0, 8) == [front, 0]
    assert [one(channel, 8) for channel in (4, 5, 6, 7)] == [[side, 0], [0, side], [side, 0], [0, side]]
    assert one(2, 4) == [0.25, 0.25]


def test_downmix_never_clips() -> None:
    for channels in (6, 8):
        assert np.allclose(to_stereo(np.ones((channels, 4), np.float32)), 1)


def test_resampling_keeps_tone_and_length() -> None:
    wave = np.stack([_tone(1000, 44100, 44100)] * 2)
    found = resample(wave, 44100, 16000)
    assert found.shape == (2, 16000)
    inner = slice(500, 15500)  # the filter has nothing to look at beyond the ends
    assert np.abs(found[0, inner] - _tone(1000, 16000, 16000)[inner]).max() < 0.01
    assert resample(wave, 44100, 44100) is wave


def test_fit_cuts_and_fills() -> None:
    wave = np.ones((2, 5), np.float32)
    assert fit(wave, 3).shape == (2, 3)
    assert fit(wave, 7)[0].tolist() == [1] * 5 + [0] * 2


def test_wav_is_read_sample_by_sample(tmp_path: Path) -> None:
    wave = 0.5 * np.stack([_tone(300, 4000, 8000), _tone(500, 4000, 8000)])
    write_wav(tmp_path / "a.wav", wave, 8000)
    sound = read_sound(tmp_path / "a.wav")
    assert sound is not None
    assert (sound.rate, sound.seconds, sound.silent) == (8000, 0.5, False)
    assert np.abs(sound.wave_CS - wave).max() < 1e-4


def test_silence_and_absence_are_told_apart(tmp_path: Path) -> None:
    write_wav(tmp_path / "a.wav", np.zeros((2, 4000), np.float32), 8000)
    sound = read_sound(tmp_path / "a.wav")
    assert sound is not None
    assert sound.silent
    write_mp4(tmp_path / "b.mp4", np.zeros((3, 32, 32, 3), np.uint8), 25)
    assert read_sound(tmp_path / "b.mp4") is None


def test_a_damaged_sound_is_an_error_not_silence(tmp_path: Path) -> None:
    write_wav(tmp_path / "a.wav", np.zeros((2, 4000), np.float32), 8000)
    (tmp_path / "b.wav").write_bytes((tmp_path / "a.wav").read_bytes()[:30])
    with pytest.raises(DataError, match="sound"):
        read_sound(tmp_path / "b.wav")


def _late_sound(path: Path, delay: float) -> None:
    """A clip whose sound, a constant tone, starts ``delay`` seconds after its picture."""
    rate = 48000
    with av.open(str(path), "w", format="matroska") as container:
        video = container.add_stream("libx264", rate=25)
        video.width = video.height = 32
        video.pix_fmt = "yuv420p"
        audio = container.add_stream("pcm_s16le", rate=rate, layout="mono")
        for index in range(25):
            frame = av.VideoFrame.from_ndarray(np.zeros((32, 32, 3), np.uint8), format="rgb24")
            frame.pts = index
            container.mux(video.encode(frame))
        container.mux(video.encode(None))
        samples = np.full((1, rate // 2), 16000, np.int16)
        sound = av.AudioFrame.from_ndarray(samples, format="s16", layout="mono")
        sound.sample_rate, sound.time_base, sound.pts = rate, Fraction(1, rate), round(delay * rate)
        container.mux(audio.encode(sound))
        container.mux(audio.encode(None))


def test_late_sound_is_moved_to_where_it_is_heard(tmp_path: Path) -> None:
    _late_sound(tmp_path / "late.mkv", 0.25)
    sound = read_sound(tmp_path / "late.mkv")
    assert sound is not None
    begin = int(np.flatnonzero(np.abs(sound.wave_CS[0]) > 0.1)[0])
    assert begin / sound.rate == pytest.approx(0.25, abs=0.002)
