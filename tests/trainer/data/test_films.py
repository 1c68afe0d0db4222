from __future__ import annotations

import wave
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

from schemas.errors import EnvironmentFault
from trainer.data.films import (
    Pixels,
    Shown,
    Wave,
    beside,
    exact_rate,
    to_pixels,
    write_mp4,
    write_png,
    write_poster,
    write_wav,
)


def _frames(count: int, height: int, width: int) -> Pixels:
    """Colour bars that move: red, green, blue, grey."""
    bars = np.array([[200, 30, 30], [30, 180, 40], [20, 40, 210], [128, 128, 128]], np.uint8)
    columns = np.minimum(np.arange(width) * 4 // width, 3)
    picture = np.broadcast_to(bars[columns], (height, width, 3))
    return np.stack([np.roll(picture, index * width // 4, axis=1) for index in range(count)])


def _tone(seconds: float, rate: int, channels: int = 2) -> Wave:
    time = np.arange(round(seconds * rate)) / rate
    return np.stack([0.5 * np.sin(2 * np.pi * (440 + 220 * index) * time) for index in range(channels)]).astype(
        np.float32
    )


@pytest.mark.parametrize(
    ("fps", "rate"),
    [(24.0, Fraction(24)), (25.0, Fraction(25)), (23.976, Fraction(2997, 125)), (24000 / 1001, Fraction(24000, 1001)),
     (29.97, Fraction(2997, 100)), (12.5, Fraction(25, 2))],
)  # fmt: skip
def test_mp4_has_the_frames_the_size_and_exactly_the_rate(tmp_path: Path, fps: float, rate: Fraction) -> None:
    path = tmp_path / "sample.mp4"
    frames = _frames(17, 64, 128)
    write_mp4(path, frames, fps, _tone(0.7, 24000), 24000)
    assert exact_rate(fps) == rate
    with av.open(str(path)) as container:
        video, audio = container.streams.video[0], container.streams.audio[0]
        assert video.codec_context.name == "h264"
        assert video.codec_context.pix_fmt == "yuv420p"
        assert video.average_rate == rate
        assert (audio.codec_context.name, audio.codec_context.layout.name, audio.rate) == ("aac", "stereo", 24000)
        assert container.format.name.startswith("mov")
        decoded = [frame.to_ndarray(format="rgb24") for frame in container.decode(video)]
    assert np.stack(decoded).shape == frames.shape
    with av.open(str(path)) as container:
        samples = sum(frame.samples for frame in container.decode(audio=0))
    assert samples / 24000 == pytest.approx(0.7, abs=0.1)
    assert [item.name for item in tmp_path.iterdir()] == ["sample.mp4"]


def test_colours_survive(tmp_path: Path) -> None:
    path = tmp_path / "sample.mp4"
    frames = _frames(5, 64, 128)
    write_mp4(path, frames, 24.0)
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        assert (stream.codec_context.colorspace, stream.codec_context.color_range) == (1, 1)
        assert not container.streams.audio
        decoded = [
            frame.reformat(format="rgb24", src_colorspace="ITU709", src_color_range="MPEG").to_ndarray()
            for frame in container.decode(stream)
        ]
    middle = np.abs(np.stack(decoded)[:, :, 16::32].astype(int) - frames[:, :, 16::32].astype(int))
    assert middle.max() <= 6


def test_sound_is_that_of_its_channels(tmp_path: Path) -> None:
    path = tmp_path / "sample.mp4"
    write_mp4(path, _frames(25, 64, 64), 25.0, _tone(1.0, 48000), 48000)
    with av.open(str(path)) as container:
        sound = np.concatenate([frame.to_ndarray() for frame in container.decode(audio=0)], axis=1)
    for channel, hertz in enumerate((440, 660)):
        spectrum = np.abs(np.fft.rfft(sound[channel][8000:40000]))
        assert int(spectrum.argmax()) * 48000 / 32000 == pytest.approx(hertz, abs=2)


@pytest.mark.parametrize(("height", "width"), [(63, 64), (64, 95), (33, 35)])
def test_odd_sizes_grow_by_one_line(tmp_path: Path, height: int, width: int) -> None:
    path = tmp_path / "odd.mp4"
    write_mp4(path, _frames(3, height, width), 24.0)
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        assert (stream.height, stream.width) == (height + height % 2, width + width % 2)


def test_mono_becomes_stereo(tmp_path: Path) -> None:
    path = tmp_path / "mono.mp4"
    write_mp4(path, _frames(9, 32, 32), 24.0, _tone(0.4, 16000, channels=1), 16000)
    with av.open(str(path)) as container:
        assert container.streams.audio[0].codec_context.layout.name == "stereo"


def test_rounding_is_to_the_nearest() -> None:
    values = np.array([-1.5, -1, -0.998, 0, 0.0001, 0.998, 1, 7], np.float32).reshape(1, 1, 1, -1)
    assert to_pixels(np.repeat(values, 3, 0))[0, 0, :, 0].tolist() == [0, 0, 0, 128, 128, 255, 255, 255]
    ramp = np.arange(256, dtype=np.float32).reshape(1, 1, 1, -1) / 127.5 - 1
    assert to_pixels(np.repeat(ramp, 3, 0))[0, 0, :, 0].tolist() == list(range(256))


def test_wav_is_16_bit_and_rounded(tmp_path: Path) -> None:
    path = tmp_path / "sound.wav"
    sound = np.array([[0.0, 0.5, -0.5, 2.0], [1.0, -1.0, -2.0, 0.00002]], np.float32)
    write_wav(path, sound, 24000)
    with wave.open(str(path)) as file:
        assert (file.getnchannels(), file.getsampwidth(), file.getframerate(), file.getnframes()) == (2, 2, 24000, 4)
        samples = np.frombuffer(file.readframes(4), "<i2").reshape(4, 2).T
    assert samples.tolist() == [[0, 16384, -16384, 32767], [32767, -32767, -32767, 1]]


def test_poster_is_the_middle_frame_and_small(tmp_path: Path) -> None:
    frames = np.zeros((5, 64, 960, 3), np.uint8)
    frames[2] = (10, 200, 30)
    write_poster(tmp_path / "p.png", frames)
    with Image.open(tmp_path / "p.png") as poster:
        assert poster.size == (320, 21)
        assert poster.getpixel((100, 10)) == (10, 200, 30)
    write_png(tmp_path / "full.png", frames[2])
    with Image.open(tmp_path / "full.png") as picture:
        assert picture.size == (960, 64)


def test_unwritable_place_is_an_environment_fault(tmp_path: Path) -> None:
    for write in (
        lambda path: write_mp4(path, _frames(2, 32, 32), 24.0),
        lambda path: write_wav(path, _tone(0.1, 16000), 16000),
        lambda path: write_png(path, _frames(1, 32, 32)[0]),
    ):
        with pytest.raises(EnvironmentFault, match="cannot write the sample"):
            write(tmp_path / "absent" / "file")


def _grey(*values: int, size: tuple[int, int] = (4, 6)) -> Pixels:
    return np.stack([np.full((*size, 3), value, np.uint8) for value in values])


def test_a_reference_stands_to_the_left_and_is_held() -> None:
    shown = beside(Shown(_grey(10, 20, 30)), _grey(*range(100, 105)))
    assert shown.shape == (5, 4, 12, 3)
    assert shown[:, 0, 0, 0].tolist() == [10, 20, 30, 30, 30]
    assert shown[:, 0, -1, 0].tolist() == [100, 101, 102, 103, 104]
    sparse = beside(Shown(_grey(10, 20, 30), every=2), _grey(*range(100, 105)))
    assert sparse[:, 0, 0, 0].tolist() == [10, 20, 20, 30, 30]


def test_a_smaller_reference_grows_to_the_height(tmp_path: Path) -> None:
    shown = beside(Shown(_grey(50, size=(2, 3))), _grey(100, 100, size=(10, 6)))
    assert shown.shape == (2, 10, 15 + 6, 3)
    assert (shown[:, :, :15] == 50).all()
    write_mp4(tmp_path / "odd.mp4", np.repeat(np.repeat(shown, 4, axis=1), 5, axis=2), 24.0)
    with av.open(str(tmp_path / "odd.mp4")) as container:
        assert (container.streams.video[0].width, container.streams.video[0].height) == (106, 40)
