"""Pairing of prepared files: nothing is dropped without a reason, and names mean nothing."""

from __future__ import annotations

import pickle
from pathlib import Path

import pytest

from schemas.errors import DataError
from trainer.files.dataset import DatasetIndex, data_root

ROLES = {"conditions": "conditions", "video": "latents"}


def touch(root: Path, *names: str) -> Path:
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    return root


def test_pairs_by_relative_name(tmp_path: Path) -> None:
    touch(tmp_path, "latents/b.pt", "latents/sub/a.pt", "conditions/b.pt", "conditions/sub/a.pt")
    touch(tmp_path, "latents/b.pt.tmp.123", "latents/notes.txt")
    index = DatasetIndex.build(tmp_path, ROLES)
    assert [sample.name for sample in index.samples] == ["b", "sub/a"]
    assert index.samples[1].files == {
        "conditions": tmp_path / "conditions/sub/a.pt",
        "video": tmp_path / "latents/sub/a.pt",
    }
    assert index.dropped == ()
    index.require_samples()


def test_every_incomplete_sample_is_dropped_with_the_reason(tmp_path: Path) -> None:
    touch(tmp_path, "latents/a.pt", "latents/b.pt", "conditions/a.pt", "conditions/c.pt", "masks/a.pt", "masks/b.pt")
    index = DatasetIndex.build(tmp_path, {**ROLES, "video.conditions[0]": "masks"})
    assert [sample.name for sample in index.samples] == ["a"]
    assert {found.name: found.reason for found in index.dropped} == {
        "b": "no file in conditions/",
        "c": "no file in latents/, masks/",
    }


def test_one_directory_may_play_two_roles(tmp_path: Path) -> None:
    touch(tmp_path, "latents/a.pt", "conditions/a.pt")
    index = DatasetIndex.build(tmp_path, {**ROLES, "video.conditions[0]": "latents"})
    assert index.samples[0].files["video"] == index.samples[0].files["video.conditions[0]"]


def test_directory_names_mean_nothing(tmp_path: Path) -> None:
    touch(tmp_path, "conditions/a.pt", "my_latent_masks/a.pt", "x/a.pt")
    index = DatasetIndex.build(
        tmp_path, {"conditions": "conditions", "video": "x", "video.conditions[0]": "my_latent_masks"}
    )
    assert set(index.samples[0].files) == {"conditions", "video", "video.conditions[0]"}


def test_older_names(tmp_path: Path) -> None:
    touch(tmp_path, "latents/latent_1.pt", "latents/sub/latent_2.pt", "latents/x.pt")
    touch(
        tmp_path,
        "conditions/condition_1.pt",
        "conditions/condition_2.pt",
        "conditions/x.pt",
        "conditions/condition_9.pt",
    )
    index = DatasetIndex.build(tmp_path, ROLES)
    assert [(sample.name, sample.files["conditions"].name) for sample in index.samples] == [
        ("latent_1", "condition_1.pt"),
        ("sub/latent_2", "condition_2.pt"),
        ("x", "x.pt"),
    ]
    assert [found.name for found in index.dropped] == ["condition_9"]


def test_precomputed_is_used_when_it_is_there(tmp_path: Path) -> None:
    assert data_root(tmp_path) == tmp_path
    touch(tmp_path / ".precomputed", "latents/a.pt", "conditions/a.pt")
    assert data_root(tmp_path) == tmp_path / ".precomputed"
    assert DatasetIndex.build(tmp_path, ROLES).root == tmp_path / ".precomputed"
    assert data_root(tmp_path / ".precomputed") == tmp_path / ".precomputed"


def test_missing_directories_are_all_named(tmp_path: Path) -> None:
    touch(tmp_path, "latents/a.pt")
    with pytest.raises(DataError, match="lacks conditions/, masks/"):
        DatasetIndex.build(tmp_path, {**ROLES, "video.conditions[0]": "masks"})
    with pytest.raises(DataError, match="no such data directory"):
        DatasetIndex.build(tmp_path / "none", ROLES)


def test_nothing_usable(tmp_path: Path) -> None:
    (tmp_path / "latents").mkdir()
    (tmp_path / "conditions").mkdir()
    with pytest.raises(DataError, match="no prepared samples in conditions/, latents/"):
        DatasetIndex.build(tmp_path, ROLES).require_samples()
    touch(tmp_path, "latents/a.pt")
    with pytest.raises(DataError, match="all 1 lack a partner") as caught:
        DatasetIndex.build(tmp_path, ROLES).require_samples()
    assert "a: no file in conditions/" in caught.value.why


def test_an_index_travels_to_loader_processes(tmp_path: Path) -> None:
    index = DatasetIndex.build(touch(tmp_path, "latents/a.pt", "conditions/a.pt"), ROLES)
    assert pickle.loads(pickle.dumps(index)) == index


def test_links_to_folders_are_not_followed_round_in_circles(tmp_path: Path) -> None:
    touch(tmp_path, "latents/a.pt", "conditions/a.pt")
    (tmp_path / "latents" / "again").symlink_to(tmp_path / "latents")
    index = DatasetIndex.build(tmp_path, ROLES)
    assert [sample.name for sample in index.samples] == ["a"]
    assert index.dropped == ()
