"""Decoding: frames in order, scaled with antialiasing, upright, nothing guessed in silence."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image

from schemas.errors import DataError
from trainer.data.buckets import Bucket, kept_frames
from trainer.data.films import write_mp4
from trainer.data.pictures import ShortClipError, VideoReader, read_clip, read_image


def _grey_steps(frames: int, height: int = 32, width: int = 32) -> NDArray[np.uint8]:
    """Frame k is grey of value 10 k: frames can be told apart after compression."""
    levels = (np.arange(frames) * 10).astype(np.uint8)
    return np.broadcast_to(levels[:, None, None, None], (frames, height, width, 3)).copy()


def _levels(clip: torch.Tensor) -> list[int]:
    return [round(float(value) * 25.5) for value in clip.mean(dim=(0, 2, 3))]


def test_first_frames_in_order_at_the_clips_own_rate(tmp_path: Path) -> None:
    write_mp4(tmp_path / "a.mp4", _grey_steps(12), 30000 / 1001)
    clip = read_clip(tmp_path / "a.mp4", Bucket(9, 32, 32))
    assert clip.pixels_CFHW.shape == (3, 9, 32, 32)
    assert _levels(clip.pixels_CFHW) == list(range(9))
    assert clip.fps == pytest.approx(29.97, abs=0.001)
    assert clip.notes == ()


def test_temporal_subsample_keeps_the_first_then_every_kth(tmp_path: Path) -> None:
    write_mp4(tmp_path / "a.mp4", _grey_steps(17), 25)
    clip = read_clip(tmp_path / "a.mp4", Bucket(9, 32, 32), kept_frames(17, 2))
    assert _levels(clip.pixels_CFHW) == [0, 1, 3, 5, 7, 9, 11, 13, 15]


def test_a_clip_that_ends_early_says_how_many_frames_it_has(tmp_path: Path) -> None:
    write_mp4(tmp_path / "a.mp4", _grey_steps(5), 25)
    with pytest.raises(ShortClipError, match="5 frames, 9 are needed") as caught:
        read_clip(tmp_path / "a.mp4", Bucket(9, 32, 32))
    assert caught.value.found == 5


def test_shrinking_is_antialiased(tmp_path: Path) -> None:
    """Fine noise becomes an even grey; picking pixels, as bicubic without antialiasing does, leaves it noise."""
    noise = np.random.default_rng(0).integers(0, 2, (512, 512, 1)).repeat(3, axis=2).astype(np.uint8) * 255
    Image.fromarray(noise).save(tmp_path / "a.png")
    pixels = read_clip(tmp_path / "a.png", Bucket(1, 32, 32)).pixels_CFHW
    assert float((pixels - 0.5).std()) < 0.06


def test_wide_pictures_lose_their_sides_equally(tmp_path: Path) -> None:
    picture = np.zeros((32, 96, 3), np.uint8)
    picture[:, 32:64, 0], picture[:, :32, 1], picture[:, 64:, 2] = 255, 255, 255
    Image.fromarray(picture).save(tmp_path / "a.png")
    pixels = read_clip(tmp_path / "a.png", Bucket(1, 32, 32)).pixels_CFHW
    assert pixels.shape == (3, 1, 32, 32)
    assert torch.equal(pixels[0], torch.ones(1, 32, 32))
    assert not pixels[1:].any()


def test_exif_orientation_is_applied(tmp_path: Path) -> None:
    picture = np.zeros((32, 64, 3), np.uint8)
    picture[:, :32] = 255  # left half white
    image = Image.fromarray(picture)
    exif = image.getexif()
    exif[0x0112] = 6  # turn a quarter clockwise to view: white on top
    image.save(tmp_path / "a.jpg", exif=exif, quality=95)
    upright = read_image(tmp_path / "a.jpg")
    assert upright.shape == (64, 32, 3)
    assert upright[:30].min() > 240
    assert upright[-30:].max() < 15


def test_rotation_of_the_container_is_applied(tmp_path: Path) -> None:
    """A phone stores the picture lying and says how to turn it."""
    path = tmp_path / "a.mp4"
    picture = np.zeros((32, 64, 3), np.uint8)
    picture[:, :32] = 255
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=25, options={"crf": "1"})
        stream.width, stream.height, stream.pix_fmt = 64, 32, "yuv420p"
        stream.set_display_rotation(-90)
        for _ in range(2):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode(None))
    upright = next(iter(VideoReader(path)))
    with av.open(str(path)) as container:
        rotation = next(container.decode(video=0)).rotation
    assert upright.shape == (64, 32, 3)
    top_is_white = upright[:28].mean() > 200
    # Degrees are counter-clockwise: after +90 the left edge is at the bottom, after -90 at the top.
    assert top_is_white == (rotation == -90)
    assert abs(rotation) == 90


def test_variable_frame_rate_is_noted(tmp_path: Path) -> None:
    path = tmp_path / "a.mkv"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=25)
        stream.width = stream.height = 32
        stream.pix_fmt = "yuv420p"
        stream.codec_context.time_base = Fraction(1, 1000)
        for picture, time in zip(_grey_steps(9), (0, 40, 80, 120, 300, 340, 380, 420, 460), strict=True):
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
            frame.pts, frame.time_base = time, Fraction(1, 1000)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    clip = read_clip(path, Bucket(9, 32, 32))
    assert len(clip.notes) == 1
    assert "variable frame rate" in clip.notes[0]


def test_images_in_other_colour_modes(tmp_path: Path) -> None:
    Image.new("L", (40, 40), 100).save(tmp_path / "grey.png")
    Image.new("RGBA", (40, 40), (10, 20, 30, 255)).save(tmp_path / "alpha.webp", lossless=True)
    assert (read_image(tmp_path / "grey.png") == 100).all()
    assert read_image(tmp_path / "alpha.webp")[0, 0].tolist() == [10, 20, 30]


@pytest.mark.parametrize("name", ["a.png", "a.mp4"])
def test_damaged_files_name_themselves(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.write_bytes(b"\x89PNG not really" * 10)
    with pytest.raises(DataError) as caught:
        read_clip(path, Bucket(1, 32, 32))
    assert caught.value.where.path == path
