"""Probing real media files."""

from __future__ import annotations

from pathlib import Path

import pytest

from schemas.errors import DataError
from tests.support.media import write_clip, write_image, write_sound
from trainer.files.media import MediaInfo, probe


@pytest.mark.parametrize("suffix", [".mp4", ".mkv", ".mov"])
def test_video(tmp_path: Path, suffix: str) -> None:
    """Matroska stores no frame count; the packets are counted."""
    found = probe(write_clip(tmp_path / f"a{suffix}", frames=17, size=(64, 48), fps=25))
    assert (found.kind, found.width, found.height, found.frames, found.has_audio) == ("video", 64, 48, 17, False)
    assert found.fps == pytest.approx(25, rel=0.02)
    assert found.duration == pytest.approx(17 / 25, abs=0.05)


def test_video_with_sound(tmp_path: Path) -> None:
    found = probe(write_clip(tmp_path / "a.mp4", sound=True))
    assert (found.has_audio, found.audio_channels, found.audio_rate) == (True, 2, 16000)


def test_sound(tmp_path: Path) -> None:
    found = probe(write_sound(tmp_path / "a.wav", 2.0, 8000))
    assert found == MediaInfo("audio", 0, 0, 0, 0.0, 2.0, True, 1, 8000)


@pytest.mark.parametrize("name", ["a.png", "a.jpg", "a.webp"])
def test_image(tmp_path: Path, name: str) -> None:
    assert probe(write_image(tmp_path / name)) == MediaInfo("image", 64, 48, 1, 0.0, 0.0, False, 0, 0)


def test_image_on_its_side(tmp_path: Path) -> None:
    found = probe(write_image(tmp_path / "a.jpg", orientation=6))
    assert (found.width, found.height) == (48, 64)


@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [
        ("a.mp4", b"", "empty"),
        ("a.mp4", b"not a video", "not a media file"),
        ("a.png", b"not an image", "not an image"),
        ("a.wav", b"RIFF", "not a media file"),
    ],
)
def test_wrong_files(tmp_path: Path, name: str, content: bytes, expected: str) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(DataError, match=expected):
        probe(tmp_path / name)


def test_truncated_video(tmp_path: Path) -> None:
    path = write_clip(tmp_path / "a.mp4")
    path.write_bytes(path.read_bytes()[:600])
    with pytest.raises(DataError):
        probe(path)


def test_missing_file_and_directory(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no such file"):
        probe(tmp_path / "none.mp4")
    with pytest.raises(DataError, match="is a directory"):
        probe(tmp_path)
