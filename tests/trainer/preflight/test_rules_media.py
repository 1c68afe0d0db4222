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


def test_a_tensor_mask_is_not_probed(world: World, tmp_path: Path) -> None:
    sound = str(write_sound(world.root / "a.wav"))
    torch.save(torch.ones(25), tmp_path / "m.pt")
    assert codes(sampled(world, {"type": "mask", "audio": sound, "mask": str(tmp_path / "m.pt")})) == []
