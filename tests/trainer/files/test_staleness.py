"""Prepared files against the dataset file that has moved on."""

from __future__ import annotations

import os
from pathlib import Path

from trainer.files.staleness import stale_samples


def touch(path: Path, seconds: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()
    os.utime(path, (seconds, seconds))


def test_changed_added_and_removed_clips(tmp_path: Path) -> None:
    root = tmp_path / ".precomputed"
    (tmp_path / "dataset.csv").write_text("video,caption\na.mp4,x\nsub/b.mp4,x\nnew.mp4,x\ngone.mp4,x\n", "utf-8")
    for name, media, prepared in (("a", 100, 200), ("sub/b", 300, 200)):
        touch(tmp_path / f"{name}.mp4", media)
        touch(root / "latents" / f"{name}.pt", prepared)
        touch(root / "conditions" / f"{name}.pt", 400)
    touch(tmp_path / "new.mp4", 100)
    for name in ("gone", "old"):
        touch(root / "latents" / f"{name}.pt", 200)
    found = stale_samples(root, ["latents", "conditions"], ["a", "sub/b", "gone", "old"])
    assert {one.name: one.reason for one in found} == {
        "old": "is not in dataset.csv",
        "new": "was never prepared",
        "sub/b": "b.mp4 was changed after it was prepared",
    }


def test_nothing_to_compare_with(tmp_path: Path) -> None:
    assert stale_samples(tmp_path / "data", ["latents"], ["a"]) == []
    assert stale_samples(tmp_path / ".precomputed", ["latents"], ["a"]) == []
    (tmp_path / "dataset.csv").write_text("nonsense", "utf-8")
    assert stale_samples(tmp_path / ".precomputed", ["latents"], ["a"]) == []
