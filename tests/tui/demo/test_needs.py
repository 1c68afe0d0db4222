"""What each preset asks of the clips follows from the preset."""

from __future__ import annotations

import pytest

import presets
from presets.geometry import latent_frames
from schemas.errors import ConfigError
from tui.demo.needs import Needs


@pytest.mark.parametrize(
    ("preset", "expected"),
    [
        ("t2v_lora", Needs(("video",), 49, sound=True)),
        ("video_extend_lora", Needs(("video",), 73, sound=True)),
        ("video_suffix_lora", Needs(("video",), 73, sound=True)),
        ("video_inpainting_lora", Needs(("video", "video_mask"), 49, sound=False)),
        ("audio_extend_lora", Needs(("audio",), 49, sound=True)),
        ("av2av_ic_lora", Needs(("video", "reference_video", "reference_audio"), 49, sound=True)),
    ],
)
def test_needs(preset: str, expected: Needs) -> None:
    assert Needs.of(preset) == expected


@pytest.mark.parametrize("preset", presets.names())
def test_clips_are_longer_than_what_is_given_of_them(preset: str) -> None:
    video = presets.load(preset)["training_strategy"]["video"] or {}
    given = [condition.get("temporal_boundary", 0) for condition in video.get("conditions", [])]
    assert latent_frames(Needs.of(preset).frames) > max(given, default=0)


def test_a_dataset_of_sounds_has_no_buckets() -> None:
    assert Needs.of("t2a_lora").buckets is None
    assert Needs.of("t2v_lora").buckets == [(64, 64, 49)]


def test_an_unknown_preset_is_named() -> None:
    with pytest.raises(ConfigError, match="t2v_lra"):
        Needs.of("t2v_lra")
