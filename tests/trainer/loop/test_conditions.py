"""Runs with every condition: they train, go on bit for bit, tell readers about references, and refuse empty lessons."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors import safe_open

from schemas.errors import CheckpointError, DataError
from tests.trainer.loop.world import Clip, events, train, weights_digest, write_clips, write_config
from trainer.files.dataset import DatasetIndex, sources
from trainer.files.references import reference_factors
from trainer.rundir import RunDirectory, send

CLIP = Clip(frames=3, height=2, width=4)


def write_references(root: Path, name: str, frames: int, height: int, width: int, fps: float) -> None:
    for path in sorted((root / "latents").glob("*.pt")):
        table = torch.load(path, weights_only=True)
        latents = table["latents"][:, :frames, :height, :width].clone()
        found = {"latents": latents, "num_frames": frames, "height": height, "width": width, "fps": fps}
        (root / name).mkdir(exist_ok=True)
        torch.save(found, root / name / path.name)


def write_masks(root: Path, name: str, *shape: int, given: slice = slice(0, 1)) -> None:
    mask = torch.zeros(shape)
    mask[given] = 1
    (root / name).mkdir(exist_ok=True)
    for path in (root / "latents").glob("*.pt"):
        torch.save({"mask": mask}, root / name / path.name)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    root = write_clips(tmp_path / "data", [CLIP] * 4)
    write_references(root, "references", 2, 1, 2, 12.5)
    write_masks(root, "masks", 3, 2, 4)
    write_masks(root, "audio_masks", 9)
    return root


VIDEO: list[dict[str, Any]] = [
    {"type": "reference", "latents_dir": "references", "probability": 0.7},
    {"type": "first_frame", "probability": 0.5},
    {"type": "prefix", "temporal_boundary": 1, "probability": 0.5},
    {"type": "spatial_crop", "spatial_region": [0, 0, 32, 64], "probability": 0.5},
    {"type": "mask", "mask_dir": "masks", "probability": 0.5},
]
AUDIO: list[dict[str, Any]] = [
    {"type": "suffix", "temporal_boundary": 2, "probability": 0.5},
    {"type": "mask", "mask_dir": "audio_masks", "probability": 0.5},
    {"type": "reference", "latents_dir": "audio_latents", "probability": 0.5},
]
ALL: dict[str, Any] = {
    "training_strategy__video__conditions": VIDEO,
    "training_strategy__audio__conditions": AUDIO,
    "optimization__batch_size": 2,
}


def test_all_conditions_train_and_go_on_bit_for_bit(data: Path, tmp_path: Path) -> None:
    assert train(data, tmp_path / "whole", **ALL) == 0
    losses = [event["metrics"] for event in events(tmp_path / "whole", "metric")]
    assert all(record["loss/video"] > 0 and record["loss/audio"] > 0 for record in losses)
    output = tmp_path / "run"
    RunDirectory(output).create()
    send(RunDirectory(output), "stop")
    assert train(data, output, **ALL) == 75
    assert train(data, output, **ALL, data__num_dataloader_workers=2) == 0
    assert weights_digest(output, 4) == weights_digest(tmp_path / "whole", 4)


def test_the_exported_file_tells_what_references_it_wants(data: Path, tmp_path: Path) -> None:
    """Fault of the original: references were sought below the working directory, and none was ever found."""
    output = tmp_path / "run"
    wanted = {"training_strategy__video__conditions": VIDEO[:1], "optimization__steps": 1}
    assert train(data, output, **wanted) == 0
    with safe_open(output / "checkpoints/lora_weights_step_00001.safetensors", "pt") as file:
        told = {key: value for key, value in file.metadata().items() if key.startswith("reference")}
    assert told == {
        "reference_downscale_factor": "2",
        "reference_spatial_scale_factor": "2",
        "reference_temporal_scale_factor": "2",
    }


def test_a_run_goes_on_with_references_of_the_same_size_only(data: Path, tmp_path: Path) -> None:
    output = tmp_path / "run"
    wanted = {"training_strategy__video__conditions": VIDEO[:1]}
    assert train(data, output, **wanted, optimization__steps=1) == 0
    write_references(data, "references", 3, 2, 4, 25.0)
    with pytest.raises(CheckpointError, match="reference_downscale_factor 2"):
        train(data, output, **wanted, optimization__steps=2)


def test_starting_from_weights_of_other_references_is_told(data: Path, tmp_path: Path) -> None:
    wanted = {"training_strategy__video__conditions": VIDEO[:1], "optimization__steps": 1}
    assert train(data, tmp_path / "first", **wanted) == 0
    weights = str(tmp_path / "first/checkpoints/lora_weights_step_00001.safetensors")
    start = {"model__load_checkpoint": weights, "checkpoints__no_resume": True}
    assert train(data, tmp_path / "same", **wanted, **start) == 0
    write_references(data, "references", 3, 2, 4, 25.0)
    assert train(data, tmp_path / "other", **wanted, **start) == 0
    same, other = (
        [event["message"] for event in events(tmp_path / name, "warning") if event["code"] == "references_unlike_start"]
        for name in ("same", "other")
    )
    assert same == []
    assert "reference_downscale_factor 2 and 1" in other[0]


def test_a_reference_of_another_size_is_named(data: Path, tmp_path: Path) -> None:
    path = data / "references/clip_2.pt"
    torch.save(torch.load(data / "latents/clip_2.pt", weights_only=True), path)
    words = "most references are 2 times smaller and 2 times sparser; those of .*/references/clip_2.pt are 1 times"
    with pytest.raises(DataError, match=words):
        train(data, tmp_path / "run", training_strategy__video__conditions=VIDEO[:1])


@pytest.mark.parametrize(
    "condition",
    [
        {"type": "prefix", "temporal_boundary": 8, "probability": 0.01},
        {"type": "spatial_crop", "spatial_region": [0, 0, 999, 999]},
        {"type": "mask", "mask_dir": "full"},
    ],
    ids=lambda condition: condition["type"],
)
def test_a_clip_given_whole_is_refused_before_anything_is_loaded(
    data: Path, tmp_path: Path, condition: dict[str, Any]
) -> None:
    write_masks(data, "full", 3, 2, 4, given=slice(None))
    with pytest.raises(DataError, match="gives the whole clip in 4 of 4 samples"):
        train(data, tmp_path / "run", training_strategy__video__conditions=[condition])
    assert not (tmp_path / "run").exists()


LEGACY = [
    ({"name": "text_to_video", "first_frame_conditioning_p": 0.5, "with_audio": True}, {}),
    (
        {"name": "video_to_video", "first_frame_conditioning_p": 0.5, "reference_latents_dir": "references"},
        {"reference_downscale_factor": "2"},
    ),
]


@pytest.mark.parametrize(("strategy", "told"), LEGACY, ids=lambda value: value.get("name", ""))
def test_retired_strategies_train(data: Path, tmp_path: Path, strategy: dict[str, Any], told: dict[str, str]) -> None:
    """What their mathematics is, the stored results say; here they run, and say that they are retired."""
    output = tmp_path / "run"
    assert train(data, output, training_strategy=strategy, optimization__steps=1) == 0
    with safe_open(output / "checkpoints/lora_weights_step_00001.safetensors", "pt") as file:
        assert {key: value for key, value in file.metadata().items() if key.startswith("reference")} == told


def test_factors_of_a_run_are_found_below_its_data_root(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    from tests.trainer.loop.world import config_data

    config = write_config(
        tmp_path / "c.yaml", config_data(data, tmp_path / "out", training_strategy__video__conditions=VIDEO)
    )
    index = DatasetIndex.build(config.data.preprocessed_data_root, sources(config))
    factors = reference_factors(config.training_strategy, index)
    assert {role: (found.spatial, found.temporal) for role, found in factors.items()} == {"video.conditions[0]": (2, 2)}
