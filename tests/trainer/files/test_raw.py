"""What `inspect` knows about raw datasets."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from schemas.errors import DataError
from tests.support.media import write_clip, write_image, write_sound
from trainer.files.raw import inspect_raw


def test_dataset_file(tmp_path: Path) -> None:
    write_clip(tmp_path / "a.mp4", 9, sound=True)
    write_clip(tmp_path / "b.mp4", 17, size=(96, 64))
    write_image(tmp_path / "c.png")
    rows = [
        {"media_path": "a.mp4", "caption": "a red fox"},
        {"media_path": "b.mp4", "caption": "a red fox"},
        {"media_path": "c.png", "caption": ""},
        {"media_path": "none.mp4", "caption": "one"},
        {"media_path": "a.mov", "caption": "two words"},
    ]
    (tmp_path / "dataset.json").write_text(json.dumps(rows, indent=0), "utf-8")
    for place in (tmp_path, tmp_path / "dataset.json"):
        found = inspect_raw(place)
        assert (found.rows, found.roles) == (5, {"video": "media_path", "caption": "caption"})
        (media,) = found.media
        assert media.kinds == {"video": 2, "image": 1}
        assert media.sizes == {"64 x 48": 2, "96 x 64": 1}
        assert media.frames == {9: 1, 17: 1}
        assert media.fps == {"24": 2}
        assert media.with_sound == 1
        assert found.captions == {"with text": 4, "empty": 1, "repeated": 2}
        assert found.words == (1, 3)
        assert [one.reason for one in found.broken] == [
            "none.mp4: there is no such file",
            "a.mov: there is no such file",
        ]
        assert [one.name for one in found.collisions] == ["a.pt"]
        assert not found.sound


def test_rows_without_their_media(tmp_path: Path) -> None:
    (tmp_path / "d.jsonl").write_text('{"audio": "a.wav", "caption": "x"}\n{"caption": "y"}\n', "utf-8")
    write_sound(tmp_path / "a.wav", 2.0)
    found = inspect_raw(tmp_path)
    assert found.media[0].seconds == pytest.approx(2.0)
    assert [(one.name, one.reason) for one in found.broken] == [("line 2", "d.jsonl: this row has no 'audio'")]


def test_folder_of_clips(tmp_path: Path) -> None:
    write_clip(tmp_path / "sub" / "a.mp4")
    (tmp_path / "bad.mp4").write_bytes(b"x")
    (tmp_path / "notes.txt").write_text("x", "utf-8")
    found = inspect_raw(tmp_path)
    assert (found.rows, found.media[0].files, found.roles) == (2, 1, {})
    assert [one.name for one in found.broken] == ["bad.mp4"]


def test_nothing_there(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="neither prepared files"):
        inspect_raw(tmp_path)
    with pytest.raises(DataError, match="nothing here"):
        inspect_raw(tmp_path / "none")
