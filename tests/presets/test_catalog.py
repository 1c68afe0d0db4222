"""The presets against the published table, typed in by hand."""

from __future__ import annotations

from typing import Any

import pytest

import presets
from presets.geometry import fits_grid, latent_frames, pixel_frames
from schemas import ConfigDocument, ConfigError, render_yaml, validate
from schemas.diff import diff
from schemas.extensions import without_unchanged

ALL4 = ["to_k", "to_q", "to_v", "to_out.0"]
VID8 = [f"{attention}.{name}" for attention in ("attn1", "attn2") for name in ALL4]
VID10 = [*VID8, "ff.net.0.proj", "ff.net.2"]
AUD10 = [f"audio_{name}" for name in VID10]
V2A14 = [*AUD10, *(f"video_to_audio_attn.{name}" for name in ALL4)]

GEN, GIVEN = True, False
P1: dict[str, Any] = {"probability": 1.0}
FIRST5 = {"type": "first_frame", "probability": 0.5}
FIRST2 = {"type": "first_frame", "probability": 0.2}
PREFIX8 = {"type": "prefix", "temporal_boundary": 8, **P1}
SUFFIX8 = {"type": "suffix", "temporal_boundary": 8, **P1}
VIDEO_REFERENCE = {"type": "reference", "latents_dir": "reference_latents", **P1}
AUDIO_REFERENCE = {"type": "reference", "latents_dir": "reference_audio_latents", **P1}
VIDEO_MASK = {"type": "mask", "mask_dir": "video_masks", **P1}
AUDIO_MASK = {"type": "mask", "mask_dir": "audio_masks", **P1}
CROP = {"type": "spatial_crop", "spatial_region": [0, 0, 288, 576], **P1}
NO_AUDIO = {"video_modality_guidance_scale": 1.0, "generate_audio": False}
NO_VIDEO = {"audio_modality_guidance_scale": 1.0, "generate_video": False}
USUAL, LONG = (1e-4, 2000, -1), (2e-4, 3000, 3)

# name: targets, video (generated, conditions), audio, (lr, steps, keep), validation, tags, sample conditions
TABLE: dict[str, tuple[Any, ...]] = {
    "t2v_lora": (ALL4, (GEN, []), (GEN, []), USUAL, {}, "lora,t2v", []),
    "t2v_lora_low_vram": (
        ALL4, (GEN, []), (GEN, []), USUAL, {"video_dims": [576, 576, 49]}, "lora,t2v,low-vram", [],
    ),
    "i2v_lora": (ALL4, (GEN, [FIRST5]), (GEN, []), USUAL, {}, "lora,i2v", ["first_frame:image_or_video"]),
    "video_extend_lora": (
        ALL4, (GEN, [PREFIX8]), (GEN, []), USUAL, {}, "lora,video-extension", ["prefix:video,num_frames=57"],
    ),
    "video_suffix_lora": (
        ALL4, (GEN, [SUFFIX8]), (GEN, []), USUAL, {}, "lora,video-suffix,backward-extension",
        ["suffix:video,num_frames=64"],
    ),
    "v2v_ic_lora": (
        VID10, (GEN, [VIDEO_REFERENCE, FIRST2]), None, LONG, NO_AUDIO, "ic-lora,v2v",
        ["reference:video,downscale_factor=1,temporal_scale_factor=1,include_in_output=True"],
    ),
    "a2v_lora": (
        ALL4, (GEN, []), (GIVEN, []), USUAL,
        {"audio_cfg_scale": 1.0, "audio_stg_scale": 0.0, "audio_modality_guidance_scale": 1.0,
         "generate_audio": False, "generate_video": True},
        "lora,a2v", ["audio_to_video:audio"],
    ),
    "v2a_lora": (
        V2A14, (GIVEN, []), (GEN, []), USUAL,
        {"video_cfg_scale": 1.0, "video_stg_scale": 0.0, "video_modality_guidance_scale": 1.0,
         "generate_video": False},
        "lora,v2a,foley", ["video_to_audio:video"],
    ),
    "video_inpainting_lora": (
        VID8, (GEN, [VIDEO_MASK]), None, USUAL, NO_AUDIO, "lora,inpainting", ["mask:video,mask=.mp4"],
    ),
    "video_outpainting_lora": (
        VID8, (GEN, [CROP]), None, USUAL, NO_AUDIO, "lora,outpainting,spatial-crop",
        ["spatial_crop:video,spatial_region=[0, 0, 288, 576]"],
    ),
    "t2a_lora": (AUD10, None, (GEN, []), LONG, NO_VIDEO, "lora,t2a,audio-only", []),
    "audio_extend_lora": (
        AUD10, None, (GEN, [PREFIX8]), LONG, NO_VIDEO, "lora,audio-extension,audio-only",
        ["prefix:audio,duration=1.0"],
    ),
    "audio_suffix_lora": (
        AUD10, None, (GEN, [SUFFIX8]), LONG, NO_VIDEO, "lora,audio-suffix,audio-only", ["suffix:audio,duration=1.0"],
    ),
    "audio_inpainting_lora": (
        AUD10, None, (GEN, [AUDIO_MASK]), LONG, NO_VIDEO, "lora,audio-inpainting,audio-only",
        ["mask:audio,mask=.pt"],
    ),
    "a2a_ic_lora": (AUD10, None, (GEN, [AUDIO_REFERENCE]), LONG, NO_VIDEO, "ic-lora,a2a", ["reference:audio"]),
    "av2av_ic_lora": (
        ALL4, (GEN, [VIDEO_REFERENCE]), (GEN, [AUDIO_REFERENCE]), LONG, {}, "ic-lora,av2av",
        ["reference:video,include_in_output=True", "reference:audio"],
    ),
}  # fmt: skip

SHARED: dict[str, dict[str, Any]] = {
    "lora": {"rank": 32, "alpha": 32, "dropout": 0.0},
    "optimization": {
        "batch_size": 1,
        "gradient_accumulation_steps": 1,
        "max_grad_norm": 1.0,
        "optimizer_type": "adamw",
        "scheduler_type": "linear",
        "scheduler_params": {},
        "enable_gradient_checkpointing": True,
    },
    "acceleration": {
        "mixed_precision_mode": "bf16",
        "quantization": None,
        "load_text_encoder_in_8bit": False,
        "offload_optimizer_during_validation": False,
    },
    "checkpoints": {"interval": 250, "precision": "bfloat16"},
    "validation": {
        "video_dims": [960, 544, 89],
        "frame_rate": 24.0,
        "seed": 42,
        "inference_steps": 30,
        "interval": 100,
        "video_cfg_scale": 3.0,
        "audio_cfg_scale": 7.0,
        "video_stg_scale": 1.0,
        "audio_stg_scale": 1.0,
        "stg_blocks": [28],
        "guidance_rescale": 0.7,
        "video_modality_guidance_scale": 3.0,
        "audio_modality_guidance_scale": 3.0,
        "generate_audio": True,
        "generate_video": True,
    },
    "wandb": {"project": "ltx-2-trainer", "enabled": False},
    "hub": {"push_to_hub": False},
}
LOW_VRAM: dict[str, dict[str, Any]] = {
    "lora": {"rank": 16, "alpha": 16},
    "optimization": {"optimizer_type": "adamw8bit"},
    "acceleration": {
        "quantization": "int8-quanto",
        "load_text_encoder_in_8bit": True,
        "offload_optimizer_during_validation": True,
    },
}


def test_the_sixteen_names_in_order() -> None:
    assert list(presets.names()) == list(TABLE)


@pytest.mark.parametrize("name", TABLE)
def test_against_the_table(name: str) -> None:
    targets, video, audio, (rate, steps, keep), validation, tags, _ = TABLE[name]
    data = presets.load(name)
    for section, values in SHARED.items():
        changed = LOW_VRAM.get(section, {}) if name == "t2v_lora_low_vram" else {}
        own = validation if section == "validation" else {}
        for key, value in {**values, **changed, **own}.items():
            assert data[section][key] == value, (section, key)
    assert data["lora"]["target_modules"] == targets
    assert (data["optimization"]["learning_rate"], data["optimization"]["steps"]) == (rate, steps)
    assert data["checkpoints"]["keep_last_n"] == keep
    strategy = data["training_strategy"]
    assert strategy["name"] == "flexible"
    for found, expected, folder in (
        (strategy["video"], video, "latents"),
        (strategy["audio"], audio, "audio_latents"),
    ):
        wanted = expected and {"is_generated": expected[0], "latents_dir": folder, "conditions": expected[1]}
        assert found == wanted
    assert data["wandb"]["tags"] == ["ltx2", *tags.split(",")]
    assert (data["seed"], data["data"]["num_dataloader_workers"]) == (42, 2)
    assert data["output_dir"] == f"outputs/{name}"


@pytest.mark.parametrize("name", TABLE)
def test_samples(name: str) -> None:
    expected = TABLE[name][-1]
    samples = presets.load(name)["validation"]["samples"]
    assert len(samples) == 2
    assert len({sample["prompt"] for sample in samples}) == 2
    for sample in samples:
        assert sample["prompt"]
        assert len(sample["conditions"]) == len(expected)
        for condition, words in zip(sample["conditions"], expected, strict=True):
            kind, _, keys = words.partition(":")
            assert condition["type"] == kind
            for key in keys.replace("[0, 0, 288, 576]", "REGION").split(","):
                key_name, _, value = key.partition("=")
                assert condition[key_name] is not None
                if value:
                    wanted = value.replace("REGION", "[0, 0, 288, 576]")
                    assert str(condition[key_name]).endswith(wanted), (key_name, condition)


def test_low_vram_is_the_tier() -> None:
    """t2v_lora_low_vram = t2v_lora + tier 32, value for value; only its name shows."""
    found = diff(presets.load("t2v_lora", vram=32), presets.load("t2v_lora_low_vram"))
    assert {difference.path for difference in found} == {"wandb.tags", "output_dir"}
    changed = diff(presets.load("t2v_lora"), presets.load("t2v_lora", vram=32))
    assert {difference.path for difference in changed} == {
        "lora.rank",
        "lora.alpha",
        "optimization.optimizer_type",
        "acceleration.quantization",
        "acceleration.load_text_encoder_in_8bit",
        "acceleration.offload_optimizer_during_validation",
        "validation.video_dims",
    }


@pytest.mark.parametrize("name", TABLE)
@pytest.mark.parametrize("vram", [None, 16, 24, 32, 48, 80])
def test_every_preset_and_tier_is_complete_and_sound(name: str, vram: int | None) -> None:
    data = presets.load(name, vram=vram)
    config = validate(data)
    assert without_unchanged(config.model_dump(mode="json")) == data
    assert validate(ConfigDocument.from_text(render_yaml(data, preset=name)).data()) == config
    width, height, frames = config.validation.video_dims
    assert fits_grid(width, height, frames) == ()
    for sample in config.validation.samples:
        for condition in sample.conditions:
            length = getattr(condition, "num_frames", None)
            assert length is None or 0 < length < frames
    video = config.training_strategy.video
    for trained in video.conditions if video else []:
        boundary = getattr(trained, "temporal_boundary", 0)
        assert boundary < latent_frames(frames), "the condition would cover clips of the sample's length"
        if boundary and trained.type == "prefix":
            lengths = {getattr(c, "num_frames", None) for s in config.validation.samples for c in s.conditions}
            assert lengths == {pixel_frames(boundary)}


def test_tiers() -> None:
    assert presets.tiers() == (16, 24, 32, 48, 80)
    sizes = (16, 23, 24, 32, 40, 48, 75, 80, 192)
    assert [presets.tier_for(size) for size in sizes] == [16, 16, 24, 32, 32, 48, 48, 80, 80]
    with pytest.raises(ConfigError, match="no tier for 12 GB") as caught:
        presets.load("t2v_lora", vram=12)
    assert "16 GB" in str(caught.value)
    assert presets.load("t2v_lora_low_vram", vram=80)["lora"]["rank"] == 32


@pytest.mark.parametrize(("reported", "tier"), [(15.7, 16), (23.99, 24), (31.84, 32), (47.5, 48), (79.6, 80)])
def test_a_card_reports_less_than_it_is_sold_with(reported: float, tier: int) -> None:
    assert presets.tier_for(reported) == tier


@pytest.mark.parametrize("vram", [16, 24, 32])
@pytest.mark.parametrize("name", ["video_extend_lora", "video_suffix_lora"])
def test_clips_stay_long_enough_for_what_is_given(name: str, vram: int) -> None:
    data, as_published = presets.load(name, vram=vram), presets.load(name)
    assert data["validation"]["video_dims"] == [576, 576, 89]
    assert data["training_strategy"] == as_published["training_strategy"]
    assert data["validation"]["samples"] == as_published["validation"]["samples"]


def test_copies_may_be_changed() -> None:
    presets.load("t2v_lora")["lora"]["target_modules"].clear()
    presets.sparse("t2v_lora")["lora"]["target_modules"].clear()
    assert presets.load("t2v_lora")["lora"]["target_modules"] == ALL4


def test_unknown() -> None:
    with pytest.raises(ConfigError) as caught:
        presets.load("t2v")
    assert caught.value.hint == "did you mean t2v_lora?"


NEEDS = {
    "t2v_lora": ("conditions,latents,audio_latents", "caption,video"),
    "v2v_ic_lora": ("conditions,latents,reference_latents", "caption,video,reference_video"),
    "video_inpainting_lora": ("conditions,latents,video_masks", "caption,video,video_mask"),
    "t2a_lora": ("conditions,audio_latents", "caption,audio"),
    "audio_inpainting_lora": ("conditions,audio_latents,audio_masks", "caption,audio,audio_mask"),
    "a2a_ic_lora": ("conditions,audio_latents,reference_audio_latents", "caption,audio,reference_audio"),
    "av2av_ic_lora": (
        "conditions,latents,reference_latents,audio_latents,reference_audio_latents",
        "caption,video,reference_video,reference_audio",
    ),
}


@pytest.mark.parametrize(("name", "needs"), NEEDS.items())
def test_what_a_preset_needs(name: str, needs: tuple[str, str]) -> None:
    info = presets.describe(name)
    assert (",".join(info.directories), ",".join(info.columns)) == needs


def test_descriptions() -> None:
    for name in presets.names():
        info = presets.describe(name)
        assert info.name == name
        assert info.title
        assert info.task
        assert info.description.endswith(".")
        assert "generated" in (info.video, info.audio)
    assert (presets.describe("a2v_lora").audio, presets.describe("t2a_lora").video) == ("given", "")
    assert presets.describe("t2v_lora_low_vram").tiers == (32,)


def test_placeholders_are_not_paths_of_a_machine() -> None:
    for name in presets.names():
        config = validate(presets.load(name))
        for path in (config.model.model_path, config.data.preprocessed_data_root, config.output_dir):
            assert not path.is_absolute()
