"""Prepared samples as training reads them, in all the forms that exist in the wild."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from schemas.errors import DataError
from trainer.data.dataset import DEFAULT_FPS, PrecomputedDataset, collate, load_sample_file
from trainer.data.pt_files import save_pt
from trainer.files.dataset import DatasetIndex

ROLES = {
    "conditions": "conditions",
    "video": "latents",
    "audio": "audio_latents",
    "video.conditions[0]": "video_masks",
    "video.conditions[1]": "reference_latents",
    "audio.conditions[0]": "audio_masks",
    "audio.conditions[1]": "reference_audio_latents",
}


def _video(channels: int = 4, frames: int = 2, height: int = 3, width: int = 5) -> dict[str, Any]:
    return {
        "latents": torch.randn(channels, frames, height, width).bfloat16(),
        "num_frames": frames,
        "height": height,
        "width": width,
        "fps": 25.0,
    }


def _saved(tmp_path: Path, content: object) -> Path:
    path = tmp_path / "a.pt"
    torch.save(content, path)
    return path


def test_every_role_of_a_prepared_dataset(data: Path) -> None:
    dataset = PrecomputedDataset(DatasetIndex.build(data.parent, ROLES))
    item = dataset[1]
    assert len(dataset) == 3
    assert set(item) == {"idx", "name", *ROLES}
    assert item["name"].startswith("clips/")
    assert item["video"]["latents"].shape == (32, 4, 2, 2)
    assert item["video.conditions[0]"]["mask"].shape == (4, 2, 2)
    assert item["audio"]["latents"].shape == (2, 25, 16)
    assert item["conditions"]["prompt_attention_mask"].dtype == torch.int64
    batch = collate([dataset[0], dataset[2]])
    assert batch["video"]["latents"].shape == (2, 32, 4, 2, 2)
    assert batch["video"]["fps"].dtype == torch.float64
    assert batch["video"]["num_frames"].tolist() == [4, 4]
    assert batch["idx"].tolist() == [0, 2]
    assert len(batch["name"]) == 2


def test_shapes_are_known_without_loading(data: Path) -> None:
    dataset = PrecomputedDataset(DatasetIndex.build(data, ROLES), roles=("video", "audio"))
    assert set(dataset[0]) == {"idx", "name", "video", "audio"}
    assert dataset.shapes() == ((("video", ("video", 32, 4, 2, 2)), ("audio", ("audio", 2, 25, 16))),) * 3


def test_unknown_roles_are_a_mistake_of_the_caller(data: Path) -> None:
    with pytest.raises(ValueError, match="smell"):
        PrecomputedDataset(DatasetIndex.build(data, ROLES), roles=("smell",))


def test_older_flat_video_latents(tmp_path: Path) -> None:
    content = _video()
    flat = content["latents"].permute(1, 2, 3, 0).reshape(-1, 4)
    table = load_sample_file(_saved(tmp_path, content | {"latents": flat}))
    assert torch.equal(table["latents"], content["latents"])


def test_older_flat_audio_latents(tmp_path: Path) -> None:
    latents = torch.randn(8, 7, 16)
    flat = latents.permute(1, 0, 2).reshape(7, 128)
    content = {"latents": flat, "num_time_steps": 7, "frequency_bins": 16, "duration": 0.28}
    assert torch.equal(load_sample_file(_saved(tmp_path, content))["latents"], latents)


def test_older_shared_caption_features(tmp_path: Path) -> None:
    features = torch.randn(16, 6)
    content = {"prompt_embeds": features, "prompt_attention_mask": torch.ones(16, dtype=torch.bool)}
    table = load_sample_file(_saved(tmp_path, content))
    assert torch.equal(table["video_prompt_embeds"], features)
    assert torch.equal(table["audio_prompt_embeds"], features)
    assert table["prompt_attention_mask"].dtype == torch.int64


def test_audio_features_are_optional(tmp_path: Path) -> None:
    content = {"video_prompt_embeds": torch.randn(4, 6), "prompt_attention_mask": torch.ones(4, dtype=torch.int64)}
    assert "audio_prompt_embeds" not in load_sample_file(_saved(tmp_path, content))


def test_missing_frame_rate_is_the_default(tmp_path: Path) -> None:
    content = _video()
    del content["fps"]
    assert load_sample_file(_saved(tmp_path, content))["fps"] == DEFAULT_FPS


def test_the_archive_format_before_2020(tmp_path: Path) -> None:
    path = tmp_path / "a.pt"
    content = _video()
    torch.save(content, path, _use_new_zipfile_serialization=False)
    assert torch.equal(load_sample_file(path)["latents"], content["latents"])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"height": 4}, r"says its latents are 2 x 4 x 5"),
        ({"num_frames": 0}, "num_frames"),
        ({"width": "5"}, "width"),
        ({"fps": float("nan")}, "fps"),
        ({"latents": torch.full((4, 2, 3, 5), torch.nan)}, "not finite"),
        ({"latents": torch.full((4, 2, 3, 5), torch.inf)}, "not finite"),
        ({"latents": torch.zeros(4, 0, 3, 5)}, "impossible shape"),
        ({"latents": 3}, "no tensor 'latents'"),
    ],
)
def test_contradictions_are_refused_with_the_file_named(tmp_path: Path, change: dict[str, Any], message: str) -> None:
    path = _saved(tmp_path, _video() | change)
    with pytest.raises(DataError, match=message) as caught:
        load_sample_file(path)
    assert caught.value.where.path == path


@pytest.mark.parametrize("content", [[1, 2], {"something": torch.ones(1)}, torch.ones(3)])
def test_other_files_are_refused(tmp_path: Path, content: object) -> None:
    with pytest.raises(DataError, match="not a prepared sample"):
        load_sample_file(_saved(tmp_path, content))


class _Hostile:
    def __reduce__(self) -> tuple[Any, tuple[str]]:
        return (print, ("code of a file ran",))


def test_code_in_a_file_does_not_run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(DataError, match="cannot be loaded"):
        load_sample_file(_saved(tmp_path, {"latents": _Hostile()}))
    assert "ran" not in capsys.readouterr().out


def test_truncated_and_missing_files(tmp_path: Path) -> None:
    path = tmp_path / "a.pt"
    save_pt(path, _video())
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(DataError, match="cannot be loaded"):
        load_sample_file(path)
    with pytest.raises(DataError, match="no such prepared file"):
        load_sample_file(tmp_path / "b.pt")


def test_saving_keeps_only_the_part_of_a_tensor_that_is_meant(tmp_path: Path) -> None:
    big = torch.zeros(1000, 100)
    save_pt(tmp_path / "deep" / "a.pt", {"mask": big[0]})
    assert (tmp_path / "deep" / "a.pt").stat().st_size < 3000
    assert [path.name for path in (tmp_path / "deep").iterdir()] == ["a.pt"]


def test_clips_of_two_sizes_do_not_become_one_batch(tmp_path: Path) -> None:
    for name, width in (("a", 5), ("b", 6)):
        save_pt(tmp_path / "latents" / f"{name}.pt", _video(width=width))
    dataset = PrecomputedDataset(DatasetIndex.build(tmp_path, {"video": "latents"}))
    assert len(set(dataset.shapes())) == 2
    with pytest.raises(DataError, match="samples a and b do not fit"):
        collate([dataset[0], dataset[1]])
