"""What the tiny world changes: valid for every preset, no more than needed, each with its reason."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import presets
from schemas import validate
from schemas.paths import get_in, parse_path
from tui.demo.changes import Change, World, applied, changes
from tui.demo.needs import Needs


def _world(preset: str, steps: int = 10) -> World:
    needs = Needs.of(preset)
    return World(
        checkpoint=Path("/demo/tiny.safetensors"),
        layers=4,
        text_encoder=Path("/demo/gemma"),
        prepared=Path("/demo/data/.precomputed"),
        caption="A red circle.",
        clip={role: f"/demo/data/{role}" for role in needs.roles},
        needs=needs,
        seed=7,
        steps=steps,
    )


def _found(preset: str, steps: int = 10) -> tuple[dict[str, Any], tuple[Change, ...]]:
    data = presets.load(preset)
    return data, changes(data, _world(preset, steps))


@pytest.mark.parametrize("preset", presets.names())
def test_every_preset_becomes_a_valid_configuration_of_this_world(preset: str) -> None:
    data, found = _found(preset)
    config = validate(applied(data, found))
    assert (config.optimization.steps, config.seed, config.validation.interval) == (10, 7, 10)
    assert max(config.validation.stg_blocks or [0]) < 4
    (sample,) = config.validation.samples
    for condition in sample.conditions:
        for name in ("image_or_video", "video", "audio", "mask"):
            value = getattr(condition, name, None)
            assert value is None or str(value).startswith("/demo/data/"), f"{name} is still the preset's"


@pytest.mark.parametrize("preset", presets.names())
def test_what_the_preset_is_about_stays(preset: str) -> None:
    data, found = _found(preset)
    changed = applied(data, found)
    assert changed["lora"] == data["lora"]
    assert changed["acceleration"]["quantization"] == data["acceleration"]["quantization"]
    for modality in ("video", "audio"):
        before, after = (one["training_strategy"][modality] or {} for one in (data, changed))
        assert [one["type"] for one in after.get("conditions", [])] == [
            one["type"] for one in before.get("conditions", [])
        ]
    kinds = [
        [condition["type"] for condition in one["validation"]["samples"][0]["conditions"]] for one in (data, changed)
    ]
    assert kinds[0] == kinds[1]


@pytest.mark.parametrize("preset", presets.names())
def test_every_change_is_one_and_says_why(preset: str) -> None:
    data, found = _found(preset)
    assert len({change.path for change in found}) == len(found)
    for change in found:
        assert change.reason
        if change.path != "seed":
            assert get_in(data, parse_path(change.path)) != change.value, f"{change.path} is that in the preset"


def _value(preset: str, path: str) -> Any:
    return {change.path: change.value for change in _found(preset)[1]}.get(path)


def test_rules_follow_what_the_preset_has() -> None:
    region = "training_strategy.video.conditions[0].spatial_region"
    sample = "validation.samples[0].conditions[0]"
    assert _value("video_outpainting_lora", region) == [0, 0, 32, 64]
    assert _value("video_outpainting_lora", f"{sample}.spatial_region") == [0, 0, 32, 64]
    assert _value("t2v_lora", region) is None
    assert _value("t2v_lora_low_vram", "acceleration.load_text_encoder_in_8bit") is False
    assert _value("t2v_lora", "acceleration.load_text_encoder_in_8bit") is None
    assert _value("video_extend_lora", "validation.video_dims") == [64, 64, 73]
    assert _value("v2v_ic_lora", f"{sample}.video") == "/demo/data/reference_video"
    assert _value("audio_inpainting_lora", f"{sample}.mask") == "/demo/data/audio_mask"
    assert _value("audio_inpainting_lora", f"{sample}.audio") == "/demo/data/audio"
    assert _value("a2v_lora", f"{sample}.audio") == "/demo/data/video", "its own sound"


def test_a_preset_is_not_written_to() -> None:
    data, found = _found("av2av_ic_lora")
    before = presets.load("av2av_ic_lora")
    applied(data, found)
    assert data == before


@pytest.mark.parametrize(
    ("change", "shown"),
    [
        (Change("a", [64, 64, 49], ""), "[64, 64, 49]"),
        (Change("a", "/a/very/long/path/to/a/file.safetensors", ""), '…path/to/a/file.safetensors"'),
        (Change("a", [{}], "", shown="the first"), "the first"),
    ],
)
def test_values_are_shown_shortly(change: Change, shown: str) -> None:
    assert str(change) == shown
    assert len(shown) <= 28
