"""Training conditions leave something to learn, sample by sample."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support import prepared
from tests.trainer.preflight.world import AUDIO, VIDEO, World, audio, codes, only, strategy, video


def conditions(world: World, *video_conditions: dict[str, Any], audio_conditions: Any = None) -> Any:
    return world.check(training_strategy=strategy(list(video_conditions), audio_conditions))


@pytest.mark.parametrize("kind", ["prefix", "suffix"])
def test_prefix_and_suffix_against_latent_frames(world: World, kind: str) -> None:
    assert codes(conditions(world, {"type": kind, "temporal_boundary": 6})) == []
    found = only(conditions(world, {"type": kind, "temporal_boundary": 7}), "condition-covers-clip")
    assert (found.path, found.severity, found.exit_code) == ("training_strategy.video.conditions[0]", "error", 3)
    assert "3 of 3 samples" in found.message
    assert "a (7 latent frames)" in found.message


def test_one_short_clip_is_named(world: World) -> None:
    world.write(VIDEO, video(3), ["b"])
    world.write(AUDIO, audio(18), ["b"])
    found = only(conditions(world, {"type": "prefix", "temporal_boundary": 3}), "condition-covers-clip")
    assert "1 of 3 samples" in found.message
    assert "b (3 latent frames)" in found.message
    found = only(
        conditions(world, {"type": "prefix", "temporal_boundary": 3, "probability": 0.5}), "condition-covers-clip"
    )
    assert found.severity == "error"


def test_audio_boundaries_are_steps(world: World) -> None:
    assert codes(conditions(world, audio_conditions=[{"type": "prefix", "temporal_boundary": 50}])) == []
    found = only(
        conditions(world, audio_conditions=[{"type": "suffix", "temporal_boundary": 51}]), "condition-covers-clip"
    )
    assert "51 steps" in found.message
    assert found.path == "training_strategy.audio.conditions[0]"


def test_first_frame_of_an_image(world: World) -> None:
    assert codes(conditions(world, {"type": "first_frame"})) == []
    world.write(VIDEO, video(1), ["a"])
    world.write(AUDIO, audio(1), ["a"])
    found = only(conditions(world, {"type": "first_frame"}), "condition-covers-clip")
    assert "a (1 latent frames)" in found.message
    assert "skip_stills" in found.hint
    assert codes(conditions(world, {"type": "first_frame", "skip_stills": True})) == []


def test_first_frame_when_every_clip_is_an_image(world: World) -> None:
    world.write(VIDEO, video(1))
    world.write(AUDIO, audio(1))
    found = only(conditions(world, {"type": "first_frame", "probability": 0.5}), "condition-covers-clip")
    assert found.severity == "error"


@pytest.mark.parametrize(
    ("region", "code"),
    [
        ([0, 0, 64, 128], None),
        ([0, 0, 128, 128], "condition-covers-clip"),
        ([0, 0, 1000, 1000], "condition-covers-clip"),
        ([0, 0, 31, 128], "condition-empty"),
        ([200, 0, 300, 128], "condition-empty"),
    ],
)
def test_regions(world: World, region: list[int], code: str | None) -> None:
    """128 x 128 pixels are 4 x 4 cells of 32."""
    assert codes(conditions(world, {"type": "spatial_crop", "spatial_region": region})) == ([code] if code else [])


def test_a_region_that_no_clip_has_is_an_error(world: World) -> None:
    outside = {"type": "spatial_crop", "spatial_region": [64, 0, 128, 128]}
    world.write(VIDEO, video(7, 2, 4), ["b"])
    assert only(conditions(world, outside), "condition-empty").severity == "warning"
    world.write(VIDEO, video(7, 2, 4))
    assert only(conditions(world, outside), "condition-empty").severity == "error"


def test_prefix_and_suffix_that_meet(world: World) -> None:
    pair = [{"type": "prefix", "temporal_boundary": 3}, {"type": "suffix", "temporal_boundary": 3}]
    assert codes(conditions(world, *pair)) == []
    pair[1]["temporal_boundary"] = 4
    pair[0]["probability"] = 0.5
    found = only(conditions(world, *pair), "conditions-cover-clip")
    assert (found.severity, found.path, found.exit_code) == ("error", "training_strategy.video.conditions", 3)
    pair[0]["probability"] = 0.0
    assert codes(conditions(world, *pair)) == []


def test_a_mask_and_a_region_that_complete_each_other(world: World) -> None:
    """The left half is masked, the right half is the region."""
    world.write("masks", prepared.video_mask(7, 4, 4))
    region = {"type": "spatial_crop", "spatial_region": [0, 64, 128, 128]}
    masked = {"type": "mask", "mask_dir": "masks", "probability": 0.1}
    assert codes(conditions(world, region, masked)) == ["conditions-cover-clip"]
    region["spatial_region"] = [0, 96, 128, 128]
    assert codes(conditions(world, region, masked)) == []


def test_condition_on_a_given_modality(world: World) -> None:
    given = strategy(audio_conditions=[{"type": "prefix", "temporal_boundary": 99}])
    given["audio"]["is_generated"] = False
    report = world.check("validation.generate_audio=false", training_strategy=given)
    assert only(report, "condition-ignored").path == "training_strategy.audio.conditions[0]"


def test_probability_of_zero(world: World) -> None:
    assert "condition-never" in codes(conditions(world, {"type": "first_frame", "probability": 0.0}), "info")


def test_mask_values(world: World) -> None:
    masked = {"type": "mask", "mask_dir": "masks"}
    world.write("masks", prepared.video_mask(7, 4, 4))
    assert codes(conditions(world, masked)) == []
    world.write("masks", prepared.video_mask(7, 4, 4, given=True), ["a"])
    found = only(conditions(world, masked), "condition-covers-clip")
    assert "1 of 3 samples" in found.message
    world.write("masks", prepared.video_mask(7, 4, 4, given=False), ["a"])
    assert "(no value above 0.5): a" in only(conditions(world, masked), "mask-empty").message


def test_mask_with_damaged_numbers(world: World) -> None:
    world.write("masks", prepared.video_mask(7, 4, 4))
    path = world.prepared / "masks" / "a.pt"
    content = bytearray(path.read_bytes())
    place = content.find(b"\x00\x00\x80\x3f" * 2)
    content[place] ^= 1
    path.write_bytes(content)
    found = only(conditions(world, {"type": "mask", "mask_dir": "masks"}), "data-unreadable")
    assert "CRC" in found.message
