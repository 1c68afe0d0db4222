"""What `inspect` knows about prepared roots."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from schemas.errors import DataError
from tests.support import prepared
from trainer.files.inspection import inspect_prepared, is_prepared


def root(tmp_path: Path) -> Path:
    prepared.dataset(tmp_path, {"latents": prepared.video(7, 4, 4), "conditions": prepared.text(8, 4)})
    prepared.dataset(tmp_path, {"latents": prepared.video(3, 4, 4, fps=30.0)}, ["c"])
    prepared.dataset(tmp_path, {"audio_latents": prepared.audio(50), "masks": prepared.video_mask(7, 4, 4)})
    return tmp_path


def test_summary(tmp_path: Path) -> None:
    found = inspect_prepared(root(tmp_path))
    assert found.sound
    assert found.samples == 3
    by_name = {directory.name: directory for directory in found.directories}
    assert by_name["latents"].shapes == {"7 x 4 x 4": 2, "3 x 4 x 4": 1}
    assert by_name["latents"].fps == {"24": 2, "30": 1}
    assert by_name["latents"].kinds == {"video latents": 3}
    assert by_name["audio_latents"].seconds == pytest.approx(6.0)
    assert by_name["conditions"].shapes == {"4 x 8 and 4": 3}
    assert by_name["masks"].kinds == {"masks": 3}


def test_what_cannot_be_used(tmp_path: Path) -> None:
    root(tmp_path)
    (tmp_path / "conditions" / "a.pt").unlink()
    (tmp_path / "latents" / "b.pt").write_bytes(b"x")
    bad = prepared.audio(50)
    bad["latents"][0, 3, 2] = torch.nan
    prepared.save(tmp_path / "audio_latents" / "c.pt", bad)
    found = inspect_prepared(tmp_path)
    assert not found.sound
    assert [(one.name, one.reason) for one in found.dropped] == [("a", "no file in conditions/")]
    assert [one.name for one in found.broken] == ["latents/b"]
    assert [(one.name, one.reason) for one in found.nonfinite] == [
        ("audio_latents/c", "1 of 6,400 numbers of 'latents' are not finite")
    ]
    assert inspect_prepared(tmp_path, scan=False).nonfinite == []


def test_infinite_bfloat16(tmp_path: Path) -> None:
    bad = prepared.video(2, 2, 2)
    bad["latents"][5] = torch.inf
    prepared.save(tmp_path / "latents" / "a.pt", bad)
    assert "8 of 1,024 numbers" in inspect_prepared(tmp_path).nonfinite[0].reason


def test_precomputed_report_and_decoded_videos(tmp_path: Path) -> None:
    inner = root(tmp_path / ".precomputed")
    (inner / "prepare_report.json").write_text(json.dumps({"dropped": [{"name": "x"}]}), "utf-8")
    prepared.dataset(inner, {"decoded_videos": prepared.video(1, 1, 1)})
    found = inspect_prepared(tmp_path)
    assert found.root == inner
    assert found.report == {"dropped": [{"name": "x"}]}
    assert "decoded_videos" not in [directory.name for directory in found.directories]


def test_is_prepared(tmp_path: Path) -> None:
    assert not is_prepared(tmp_path)
    assert not is_prepared(tmp_path / "none")
    root(tmp_path / ".precomputed")
    assert is_prepared(tmp_path)
    raw = tmp_path / "raw"
    prepared.save(raw / "masks" / "a.pt", {"mask": torch.ones(3)})
    assert is_prepared(raw)
    (raw / "dataset.csv").write_text("audio,caption\n", "utf-8")
    assert not is_prepared(raw)


def test_nothing_there(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no prepared files"):
        inspect_prepared(tmp_path)
