"""Files named by validation samples: there, readable, long enough."""

from __future__ import annotations

from pathlib import Path

import torch

from tests.support.media import write_clip, write_image, write_sound
from tests.trainer.preflight.world import World, codes, only, sampled


def test_given_clips(world: World) -> None:
    clip = str(write_clip(world.root / "a.mp4", 49))
    found = only(sampled(world, {"type": "prefix", "video": clip}), "validation-media-length")
    assert "all 49 frames" in found.message
    short = str(write_clip(world.root / "b.mp4", 9))
    found = only(sampled(world, {"type": "prefix", "video": short, "num_frames": 17}), "validation-media-length")
    assert "has 9 frames, 17 are needed" in found.message


def test_given_sound(world: World) -> None:
    sound = str(write_sound(world.root / "a.wav", 3.0))
    assert codes(sampled(world, {"type": "prefix", "audio": sound, "duration": 1.0})) == []
    found = only(sampled(world, {"type": "prefix", "audio": sound}), "validation-media-length")
    assert "3.00 s of a sample of 2.04 s" in found.message
    silent = str(write_clip(world.root / "a.mp4", 9))
    found = only(sampled(world, {"type": "reference", "audio": silent}), "validation-media-kind")
    assert "no sound" in found.message


def test_whole_clips_are_long_enough(world: World) -> None:
    clip = str(write_clip(world.root / "a.mp4", 40))
    found = only(sampled(world, {"type": "video_to_audio", "video": clip}), "validation-media-length")
    assert "has 40 frames, 49 are needed" in found.message
    mask = str(write_image(world.root / "m.png"))
    found = only(sampled(world, {"type": "mask", "video": clip, "mask": mask}), "validation-media-length")
    assert found.path == "validation.samples[0].conditions[0].video"


def test_files_that_are_missing_or_damaged(world: World) -> None:
    found = only(sampled(world, {"type": "first_frame", "image_or_video": "none.png"}), "validation-media-missing")
    assert found.path == "validation.samples[0].conditions[0].image_or_video"
    bad = world.root / "bad.mp4"
    bad.write_bytes(b"not a video")
    found = only(sampled(world, {"type": "reference", "video": str(bad)}), "validation-media-unreadable")
    assert found.exit_code == 3
    sound = str(write_sound(world.root / "a.wav"))
    only(sampled(world, {"type": "first_frame", "image_or_video": sound}), "validation-media-kind")


def test_masks(world: World, tmp_path: Path) -> None:
    sound, clip = str(write_sound(world.root / "a.wav", 3.0)), str(write_clip(world.root / "a.mp4", 49))
    tensor = str(tmp_path / "m.pt")
    torch.save(torch.ones(25), tensor)
    assert codes(sampled(world, {"type": "mask", "audio": sound, "mask": tensor})) == []
    assert codes(sampled(world, {"type": "mask", "video": clip, "mask": clip})) == []
    found = only(sampled(world, {"type": "mask", "video": clip, "mask": tensor}), "validation-media-kind")
    assert found.path == "validation.samples[0].conditions[0].mask"
    only(sampled(world, {"type": "mask", "video": clip, "mask": sound}), "validation-media-kind")
    brief = str(write_clip(world.root / "b.mp4", 9))
    found = only(sampled(world, {"type": "mask", "video": clip, "mask": brief}), "validation-media-length")
    assert found.path == "validation.samples[0].conditions[0].mask"
    short = str(write_sound(world.root / "b.wav", 1.0))
    found = only(sampled(world, {"type": "mask", "audio": short, "mask": tensor}), "validation-media-length")
    assert "lasts 1.00 s, 2.04 s are needed" in found.message


def test_a_suffix_needs_a_frame_before_it(world: World) -> None:
    clip = str(write_clip(world.root / "a.mp4", 16))
    found = only(sampled(world, {"type": "suffix", "video": clip, "num_frames": 16}), "validation-media-length")
    assert "has 16 frames, 17 are needed" in found.message
    assert codes(sampled(world, {"type": "suffix", "video": clip, "num_frames": 8})) == []
    assert codes(sampled(world, {"type": "suffix", "video": clip})) == []
    brief = str(write_clip(world.root / "b.mp4", 8))
    assert "9 are needed" in only(sampled(world, {"type": "suffix", "video": brief}), "validation-media-length").message


def test_what_is_odd_and_still_goes(world: World) -> None:
    fast = str(write_clip(world.root / "a.mp4", 49, fps=30))
    found = only(sampled(world, {"type": "prefix", "video": fast, "num_frames": 9}), "validation-media-rate")
    assert (found.severity, "another speed" in found.message) == ("warning", True)
    short = str(write_clip(world.root / "b.mp4", 17))
    found = only(sampled(world, {"type": "reference", "video": short}), "validation-media-length")
    assert (found.severity, "17 frames, the sample 49" in found.message) == ("warning", True)
    clip = str(write_clip(world.root / "c.mp4", 49))
    region = {"type": "spatial_crop", "video": clip, "spatial_region": [0, 0, 64, 300]}
    found = only(sampled(world, region), "validation-condition")
    assert (found.severity, found.path) == ("warning", "validation.samples[0].conditions[0].spatial_region")


def test_a_picture_is_a_clip_of_one_frame(world: World) -> None:
    picture = str(write_image(world.root / "a.png"))
    assert codes(sampled(world, {"type": "prefix", "video": picture})) == []
    found = only(sampled(world, {"type": "video_to_audio", "video": picture}), "validation-media-length")
    assert "has 1 frames, 49 are needed" in found.message
