"""Validation samples: sizes, modalities, parts, and the files they name."""

from __future__ import annotations

import json

import pytest

from tests.support.media import write_clip, write_sound
from tests.support.sparse import Entries, write_sparse
from tests.trainer.preflight.world import World, codes, only, sampled, strategy
from trainer.files.headers import read_header


@pytest.mark.parametrize(
    ("size", "message", "hint"),
    [
        ([130, 128, 49], "width 130 is not a multiple of 32", "[128, 128, 49]"),
        ([128, 100, 49], "height 100 is not a multiple of 32", "[128, 96, 49]"),
        ([128, 128, 50], "50 frames is not 8k+1", "[128, 128, 49]"),
    ],
)
def test_sizes_on_the_grid(world: World, size: list[int], message: str, hint: str) -> None:
    found = only(world.check(f"validation.video_dims={size}"), "validation-size")
    assert (found.path, found.severity) == ("validation.video_dims", "error")
    assert message in found.message
    assert hint in found.hint
    assert only(sampled(world, video_dims=size), "validation-size").path == "validation.samples[0].video_dims"
    unused = world.check(f"validation.video_dims={size}", "validation.interval=null")
    assert only(unused, "validation-size").severity == "warning"


def test_factors_come_from_the_checkpoint(world: World) -> None:
    """A VAE that compresses 8 times in space takes what 32 would not."""
    header = read_header(world.model)
    config = json.loads(header.metadata["config"])
    blocks = [["compress_all", {}], ["compress_time", {}], ["compress_time", {}]]
    config["vae"].update(encoder_blocks=blocks, decoder_blocks=blocks)
    entries: Entries = {"__metadata__": {**header.metadata, "config": json.dumps(config)}}
    entries |= {name: [info.dtype, list(info.shape)] for name, info in header.tensors.items()}
    world.model = write_sparse(world.root / "x.safetensors", entries)
    assert codes(world.check("validation.video_dims=[136, 120, 49]")) == []


def test_generated_modalities_are_in_memory(world: World) -> None:
    video = strategy(with_audio=False)
    found = only(world.check(training_strategy=video), "validation-modality")
    assert (found.path, found.severity) == ("validation.generate_audio", "warning")
    audio = strategy(with_video=False)
    targets = "lora.target_modules=[audio_attn1.to_k]"
    assert codes(world.check("validation.generate_video=false", targets, training_strategy=audio)) == []
    report = world.check(targets, training_strategy=audio)
    assert only(report, "validation-modality").path == "validation.generate_video"
    report = world.check("validation.generate_audio=false", targets, training_strategy=audio)
    assert only(report, "validation-modality").severity == "error"


def test_conditions_of_a_modality_that_is_not_loaded(world: World) -> None:
    sound = write_sound(world.root / "a.wav", 1.0)
    data = world.data()
    sample = {"prompt": "x", "conditions": [{"type": "prefix", "audio": str(sound), "duration": 0.5}]}
    validation = {**data["validation"], "generate_audio": False, "samples": [sample]}
    report = world.check(validation=validation, training_strategy=strategy(with_audio=False))
    assert only(report, "validation-modality").path == "validation.samples[0].conditions[0]"


def test_conditions_of_a_modality_that_is_not_made(world: World) -> None:
    clip = str(write_clip(world.root / "a.mp4", 49))
    data = world.data()
    sample = {"prompt": "x", "conditions": [{"type": "reference", "video": clip}]}
    found = only(
        world.check(validation={**data["validation"], "generate_video": False, "samples": [sample]}),
        "validation-modality",
    )
    assert "generate_video is false" in found.message
    sample = {"prompt": "x", "conditions": [{"type": "video_to_audio", "video": clip}]}
    assert codes(world.check(validation={**data["validation"], "generate_video": False, "samples": [sample]})) == []


@pytest.mark.parametrize(
    ("part", "field"),
    [
        ("vae.decoder.", "model.video_vae_path"),
        ("audio_vae.decoder.", "model.audio_vae_path"),
        ("vocoder.", "model.audio_vae_path"),
    ],
)
def test_parts_that_samples_need(world: World, part: str, field: str) -> None:
    header = read_header(world.model)
    entries: Entries = {"__metadata__": dict(header.metadata)}
    for name, info in header.tensors.items():
        if not name.startswith(part):
            entries[name] = [info.dtype, list(info.shape)]
    world.model = write_sparse(world.root / "x.safetensors", entries)
    assert only(world.check(), "validation-part-missing").path == field
    assert codes(world.check("validation.samples=[]")) == []


def test_lengths_of_given_clips(world: World) -> None:
    clip = str(write_clip(world.root / "a.mp4", 49))
    assert codes(sampled(world, {"type": "prefix", "video": clip, "num_frames": 17})) == []
    assert codes(sampled(world, {"type": "suffix", "video": clip, "num_frames": 16})) == []
    for kind, frames, near in (("prefix", 16, "9 or 17"), ("suffix", 17, "16 or 24"), ("suffix", 3, "8 or 16")):
        found = only(sampled(world, {"type": kind, "video": clip, "num_frames": frames}), "validation-condition")
        assert found.path == "validation.samples[0].conditions[0]"
        assert near in found.hint
    found = only(sampled(world, {"type": "prefix", "video": clip, "num_frames": 49}), "validation-condition")
    assert "nothing is left to generate" in found.message


def test_references(world: World) -> None:
    clip = str(write_clip(world.root / "a.mp4", 49))
    assert codes(sampled(world, {"type": "reference", "video": clip, "downscale_factor": 2})) == []
    found = only(sampled(world, {"type": "reference", "video": clip, "downscale_factor": 3}), "validation-condition")
    assert "multiples of 96" in found.hint
    assert codes(sampled(world, {"type": "reference", "video": clip, "temporal_scale_factor": 3})) == []
    found = only(
        sampled(world, {"type": "reference", "video": clip, "temporal_scale_factor": 4}), "validation-condition"
    )
    assert "32k+1" in found.hint


@pytest.mark.parametrize(
    ("region", "expected"),
    [([0, 0, 64, 128], ""), ([0, 0, 128, 128], "whole sample"), ([0, 0, 20, 128], "no whole latent cell")],
)
def test_regions(world: World, region: list[int], expected: str) -> None:
    clip = str(write_clip(world.root / "a.mp4", 49))
    report = sampled(world, {"type": "spatial_crop", "video": clip, "spatial_region": region})
    assert codes(report) == (["validation-condition"] if expected else [])
    assert any(expected in problem.message for problem in report.problems)


def test_schedule(world: World) -> None:
    assert only(world.check("validation.interval=5000"), "validation-interval").severity == "warning"
    assert "validation-off" in codes(world.check("validation.interval=null"), "info")
    assert "validation-no-samples" in codes(world.check("validation.samples=[]"), "info")
