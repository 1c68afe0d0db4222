"""Fields, defaults and bounds, held against a table typed by hand from the reference."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from schemas import LtxTrainerConfig, field_problems, load_config, validate
from schemas.paths import parse_path, set_in
from schemas.validation import DEFAULT_NEGATIVE_PROMPT
from tests.schemas.samples import CURRENT, SEED_ERA, smallest

DEFAULTS: dict[str, Any] = {
    "model.text_encoder_path": None,
    "model.video_vae_path": None,
    "model.audio_vae_path": None,
    "model.training_mode": "lora",
    "model.load_checkpoint": None,
    "lora.rank": 64,
    "lora.alpha": 64,
    "lora.dropout": 0.0,
    "lora.target_modules": ["to_k", "to_q", "to_v", "to_out.0"],
    "training_strategy.video.conditions": [],
    "training_strategy.audio": None,
    "optimization.learning_rate": 5e-4,
    "optimization.steps": 3000,
    "optimization.batch_size": 2,
    "optimization.gradient_accumulation_steps": 1,
    "optimization.max_grad_norm": 1.0,
    "optimization.optimizer_type": "adamw",
    "optimization.scheduler_type": "linear",
    "optimization.scheduler_params": {},
    "optimization.enable_gradient_checkpointing": False,
    "acceleration.mixed_precision_mode": "bf16",
    "acceleration.quantization": None,
    "acceleration.load_text_encoder_in_8bit": False,
    "acceleration.offload_optimizer_during_validation": False,
    "data.num_dataloader_workers": 2,
    "validation.samples": [],
    "validation.negative_prompt": DEFAULT_NEGATIVE_PROMPT,
    "validation.video_dims": [960, 544, 89],
    "validation.frame_rate": 24.0,
    "validation.seed": 42,
    "validation.inference_steps": 30,
    "validation.interval": 100,
    "validation.video_cfg_scale": 3.0,
    "validation.audio_cfg_scale": 7.0,
    "validation.video_stg_scale": 1.0,
    "validation.audio_stg_scale": 1.0,
    "validation.stg_blocks": [28],
    "validation.guidance_rescale": 0.7,
    "validation.video_modality_guidance_scale": 3.0,
    "validation.audio_modality_guidance_scale": 3.0,
    "validation.generate_audio": True,
    "validation.generate_video": True,
    "validation.skip_initial_validation": False,
    "checkpoints.interval": None,
    "checkpoints.keep_last_n": 1,
    "checkpoints.precision": "bfloat16",
    "checkpoints.no_resume": False,
    "checkpoints.save_training_state": "minimal",
    "hub.push_to_hub": False,
    "hub.hub_model_id": None,
    "flow_matching.timestep_sampling_mode": "shifted_logit_normal",
    "flow_matching.timestep_sampling_params": {},
    "wandb.enabled": False,
    "wandb.project": "ltxv-trainer",
    "wandb.entity": None,
    "wandb.tags": [],
    "wandb.log_validation_videos": True,
    "seed": 42,
    "output_dir": "outputs",
}


@pytest.mark.parametrize(("path", "expected"), DEFAULTS.items())
def test_defaults(path: str, expected: Any) -> None:
    value: Any = validate(smallest()).model_dump(mode="json")
    for part in path.split("."):
        value = value[part]
    assert value == expected
    assert type(value) is type(expected)


def with_value(path: str, value: Any) -> dict[str, Any]:
    data = smallest(
        validation={"samples": [{"prompt": "a", "conditions": []}]},
    )
    set_in(data, parse_path(path), value)
    return data


VIDEO = "training_strategy.video.conditions"
SAMPLE = "validation.samples[0].conditions"

ACCEPTED = [
    ("lora.rank", 2),
    ("lora.alpha", 1),
    ("lora.dropout", 1),
    ("lora.dropout", 0),
    ("optimization.learning_rate", "1e-4"),
    ("optimization.learning_rate", 1e-7),
    ("optimization.scheduler_type", None),
    ("optimization.max_grad_norm", 0),
    ("optimization.batch_size", 1),
    ("acceleration.mixed_precision_mode", None),
    ("acceleration.mixed_precision_mode", "no"),
    ("acceleration.quantization", "int2-quanto"),
    ("acceleration.quantization", "fp8uz-quanto"),
    ("data.num_dataloader_workers", 0),
    ("validation.interval", None),
    ("validation.interval", 1),
    ("validation.stg_blocks", None),
    ("validation.stg_blocks", []),
    ("validation.guidance_rescale", 1),
    ("validation.video_cfg_scale", 1),
    ("validation.video_stg_scale", 0),
    ("validation.samples[0].seed", 0),
    ("validation.samples[0].video_dims", [64, 64, 1]),
    ("checkpoints.keep_last_n", -1),
    ("checkpoints.keep_last_n", 0),
    ("checkpoints.interval", None),
    ("hub.hub_model_id", "user/name"),
    ("seed", 0),
    (VIDEO, [{"type": "prefix", "temporal_boundary": 1}]),
    (VIDEO, [{"type": "first_frame", "probability": 0}]),
    (SAMPLE, [{"type": "prefix", "video": "a.mp4"}]),
    (SAMPLE, [{"type": "suffix", "audio": "a.wav", "duration": 0.1}]),
]


@pytest.mark.parametrize(("path", "value"), ACCEPTED)
def test_accepted(path: str, value: Any) -> None:
    assert field_problems(with_value(path, value)) == ()


REFUSED = [
    ("lora.rank", 1, "at least 2"),
    ("lora.rank", True, "whole number"),
    ("lora.rank", 8.0, "whole number"),
    ("lora.rank", "8", "whole number"),
    ("lora.alpha", 0, "at least 1"),
    ("lora.dropout", 1.1, "at most 1"),
    ("lora.dropout", -0.1, "at least 0"),
    ("lora.target_modules", [], "must not be empty"),
    ("lora.target_modules", "to_k", "must be a list"),
    ("lora.target_modules[0]", "", "must not be empty"),
    ("model.model_path", "https://host/model.safetensors", "URLs are not supported"),
    ("model.model_path", " ", "the path is empty"),
    ("model.model_path", "a\0b", "NUL"),
    ("model.model_path", 5, "must be a path"),
    ("model.training_mode", "Lora", "must be one of lora, full"),
    ("optimization.learning_rate", 0, "above 0"),
    ("optimization.learning_rate", -1e-4, "above 0"),
    ("optimization.learning_rate", float("nan"), "finite"),
    ("optimization.learning_rate", float("inf"), "finite"),
    ("optimization.learning_rate", True, "must be a number"),
    ("optimization.learning_rate", "fast", "must be a number"),
    ("optimization.steps", 0, "at least 1"),
    ("optimization.steps", -5, "at least 1"),
    ("optimization.steps", True, "whole number"),
    ("optimization.steps", 10.0, "whole number"),
    ("optimization.batch_size", 0, "at least 1"),
    ("optimization.gradient_accumulation_steps", 0, "at least 1"),
    ("optimization.max_grad_norm", -1, "at least 0"),
    ("optimization.optimizer_type", "adam", "must be one of"),
    ("optimization.scheduler_type", "warmup", "must be one of"),
    ("optimization.enable_gradient_checkpointing", "yes", "true or false"),
    ("optimization.enable_gradient_checkpointing", 1, "true or false"),
    ("acceleration.quantization", "int8", "must be one of"),
    ("acceleration.mixed_precision_mode", "fp32", "must be one of"),
    ("data.num_dataloader_workers", -1, "at least 0"),
    ("validation.frame_rate", 0, "above 0"),
    ("validation.inference_steps", 0, "at least 1"),
    ("validation.interval", 0, "at least 1"),
    ("validation.video_cfg_scale", 0.5, "at least 1"),
    ("validation.audio_cfg_scale", 0.5, "at least 1"),
    ("validation.audio_stg_scale", -1, "at least 0"),
    ("validation.guidance_rescale", 1.5, "at most 1"),
    ("validation.audio_modality_guidance_scale", 0, "at least 1"),
    ("validation.stg_blocks[0]", -1, "at least 0"),
    ("validation.video_dims", [576, 576], "is missing: 3 values"),
    ("validation.video_dims", [576, 576, 49, 1], "too many items"),
    ("validation.video_dims[0]", 0, "at least 1"),
    ("validation.video_dims", [64, 64, -89], "at least 1"),
    ("validation.samples[0].seed", -1, "at least 0"),
    ("validation.samples[0].prompt", None, "must be text"),
    ("checkpoints.interval", 0, "at least 1"),
    ("checkpoints.keep_last_n", -2, "at least -1"),
    ("checkpoints.precision", "fp16", "must be one of"),
    ("checkpoints.save_training_state", "some", "must be one of"),
    ("hub.hub_model_id", "a/b/c", "not a repository name"),
    ("wandb.project", "", "must not be empty"),
    ("seed", -1, "at least 0"),
    ("seed", 2**32, "at most"),
    ("training_strategy.video.latents_dir", "", "must not be empty"),
    (f"{VIDEO}[0]", {"type": "first_frame", "probability": 1.5}, "at most 1"),
    (f"{VIDEO}[0]", {"type": "prefix"}, "is required"),
    (f"{VIDEO}[0]", {"type": "prefix", "temporal_boundary": 0}, "at least 1"),
    (f"{VIDEO}[0]", {"type": "spatial_crop", "spatial_region": [0, 0, 0, 5]}, "y1 < y2"),
    (f"{VIDEO}[0]", {"type": "spatial_crop", "spatial_region": [0, 5, 5, 5]}, "x1 < x2"),
    (f"{VIDEO}[0]", {"type": "spatial_crop", "spatial_region": [-1, 0, 5, 5]}, "negative"),
    (f"{VIDEO}[0]", {"type": "spatial_crop", "spatial_region": [0, 0, 5]}, "4 values"),
    (f"{VIDEO}[0]", {"type": "mask", "mask_dir": ""}, "must not be empty"),
    (f"{VIDEO}[0]", {"type": "reference"}, "is required"),
    (f"{SAMPLE}[0]", {"type": "first_frame", "video": "a.mp4"}, "is required"),
    (f"{SAMPLE}[0]", {"type": "prefix"}, "exactly one of video and audio"),
    (f"{SAMPLE}[0]", {"type": "mask", "video": "a", "audio": "b", "mask": "m"}, "exactly one of video and audio"),
    (f"{SAMPLE}[0]", {"type": "reference", "video": "a", "downscale_factor": 0}, "at least 1"),
    (f"{SAMPLE}[0]", {"type": "reference", "audio": "a", "downscale_factor": 2}, "about video"),
    (f"{SAMPLE}[0]", {"type": "prefix", "video": "a", "num_frames": 0}, "at least 1"),
    (f"{SAMPLE}[0]", {"type": "prefix", "video": "a", "duration": 1.0}, "about audio"),
    (f"{SAMPLE}[0]", {"type": "prefix", "audio": "a", "num_frames": 9}, "about video"),
    (f"{SAMPLE}[0]", {"type": "suffix", "audio": "a", "duration": 0}, "above 0"),
]


@pytest.mark.parametrize(("path", "value", "message"), REFUSED)
def test_refused(path: str, value: Any, message: str) -> None:
    problems = field_problems(with_value(path, value))
    assert len(problems) >= 1
    assert any(message in problem.message for problem in problems), problems
    assert all(problem.path.startswith(path.rstrip("]").rsplit("[", 1)[0]) for problem in problems), problems


RULES = [
    (smallest(lora=None), "lora", "needs a lora section"),
    ({key: value for key, value in smallest().items() if key != "lora"}, "lora", "needs a lora section"),
    (
        smallest(model={"model_path": "m", "training_mode": "full"}, acceleration={"quantization": "int8-quanto"}),
        "acceleration.quantization",
        "cannot be trained",
    ),
    (smallest(hub={"push_to_hub": True}), "hub.hub_model_id", "needs a repository"),
    (smallest(training_strategy={"name": "flexible"}), "training_strategy", "nothing is generated"),
    (
        smallest(training_strategy={"name": "flexible", "video": {"is_generated": False, "latents_dir": "latents"}}),
        "training_strategy",
        "nothing is generated",
    ),
    (
        smallest(
            training_strategy={
                "name": "flexible",
                "audio": {"is_generated": True, "latents_dir": "a", "conditions": [{"type": "first_frame"}]},
            }
        ),
        "training_strategy.audio.conditions[0]",
        "cannot be applied to audio",
    ),
    (
        smallest(validation={"samples": [{"prompt": "a"}], "generate_audio": False, "generate_video": False}),
        "validation.generate_video",
        "samples need",
    ),
    (
        smallest(
            validation={
                "samples": [
                    {
                        "prompt": "a",
                        "conditions": [
                            {"type": "video_to_audio", "video": "v"},
                            {"type": "audio_to_video", "audio": "a"},
                        ],
                    }
                ]
            }
        ),
        "validation.samples[0].conditions",
        "exclude each other",
    ),
    (
        smallest(
            validation={
                "samples": [
                    {
                        "prompt": "a",
                        "conditions": [
                            {"type": "video_to_audio", "video": "v"},
                            {"type": "first_frame", "image_or_video": "i"},
                        ],
                    }
                ]
            }
        ),
        "validation.samples[0].conditions",
        "no other video condition",
    ),
    (
        smallest(
            validation={
                "samples": [{"prompt": "a", "conditions": [{"type": "video_to_audio", "video": "v"}]}],
                "generate_audio": False,
            }
        ),
        "validation.samples[0].conditions",
        "leaves nothing to generate",
    ),
]


@pytest.mark.parametrize(("data", "path", "message"), RULES)
def test_rules_between_fields(data: dict[str, Any], path: str, message: str) -> None:
    problems = field_problems(data)
    assert [(problem.path, message in problem.message, bool(problem.hint)) for problem in problems] == [
        (path, True, True)
    ]


def test_allowed_combinations() -> None:
    sample = {
        "prompt": "a",
        "conditions": [{"type": "video_to_audio", "video": "v"}, {"type": "prefix", "audio": "a", "duration": 1.0}],
    }
    assert field_problems(smallest(validation={"samples": [sample]})) == ()
    assert field_problems(smallest(model={"model_path": "m", "training_mode": "full"}, lora=None)) == ()


def test_both_generations_load() -> None:
    old = load_config(SEED_ERA)
    assert old.config.validation.video_cfg_scale == old.config.validation.audio_cfg_scale == 4.0
    assert old.config.validation.stg_blocks == [29]
    assert [note.path for note in old.notes] == ["validation.guidance_scale", "validation.stg_scale"]
    new = load_config(CURRENT)
    assert new.notes == ()
    assert new.config.validation.samples[0].seed == 0
    assert new.config.model.video_vae_path == Path("models/ltx-2.5-video-vae.safetensors")


def test_current_file_covers_every_field() -> None:
    """The file above is a statement about all fields only while it holds all of them, each unlike its default."""
    data = load_config(CURRENT).document.data()
    assert DEFAULTS.keys() - _leaves(data) == {"training_strategy.audio"}
    unlike = {path for path, default in DEFAULTS.items() if path in _leaves(data) and _at(data, path) == default}
    assert unlike == {"model.training_mode", "validation.generate_audio", "validation.generate_video"}


def _at(data: Any, path: str) -> Any:
    for part in path.split("."):
        data = data[part]
    return data


def _leaves(data: dict[str, Any], prefix: str = "") -> set[str]:
    found: set[str] = set()
    for key, value in data.items():
        path = f"{prefix}{key}"
        found |= _leaves(value, f"{path}.") if isinstance(value, dict) and not key.endswith("_params") else {path}
    return found


def test_a_configuration_is_immutable_and_closed() -> None:
    config = validate(smallest())
    with pytest.raises(ValidationError):
        config.seed = 1
    with pytest.raises(ValidationError, match="Extra inputs"):
        LtxTrainerConfig(**smallest(stpes=1))


def test_input_is_left_alone() -> None:
    data = load_config(SEED_ERA).document.data()
    before = copy.deepcopy(data)
    validate(data)
    assert data == before


def test_home_is_expanded() -> None:
    config = validate(smallest(output_dir="~/runs/a", model={"model_path": "~nobody-there/x"}))
    assert config.output_dir == Path.home() / "runs/a"
    assert config.model.model_path == Path("~nobody-there/x")
