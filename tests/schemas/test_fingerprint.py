"""What makes a run another run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from schemas import validate
from schemas.fingerprint import config_fingerprint, covered_fields
from tests.schemas.samples import smallest

AUDIO = {"is_generated": True, "latents_dir": "audio_latents"}
VIDEO = {"is_generated": True, "latents_dir": "latents"}


def fingerprint(**sections: Any) -> str:
    return config_fingerprint(validate(smallest(**sections)))


ANOTHER = [
    {"model": {"model_path": "other.safetensors"}},
    {"model": {"model_path": "m.safetensors", "load_checkpoint": "a.safetensors"}},
    {"lora": {"rank": 32}},
    {"lora": {"alpha": 32}},
    {"lora": {"dropout": 0.1}},
    {"lora": {"target_modules": ["to_k"]}},
    {"training_strategy": {"name": "flexible", "video": VIDEO, "audio": AUDIO}},
    {"training_strategy": {"name": "flexible", "video": {**VIDEO, "conditions": [{"type": "first_frame"}]}}},
    {"training_strategy": {"name": "flexible", "video": VIDEO, "shared_sigma": True}},
    {"training_strategy": {"name": "flexible", "video": VIDEO, "caption_dropout": 0.1}},
    {"training_strategy": {"name": "flexible", "video": {**VIDEO, "loss_weight": 0.5}}},
    {"lora": {"ema_decay": 0.99}},
    {"optimization": {"warmup_steps": 5}},
    {"optimization": {"weight_decay": 0.0}},
    {"optimization": {"learning_rate": 1e-4}},
    {"optimization": {"steps": 10}},
    {"optimization": {"batch_size": 1}},
    {"optimization": {"gradient_accumulation_steps": 2}},
    {"optimization": {"max_grad_norm": 0}},
    {"optimization": {"optimizer_type": "adamw8bit"}},
    {"optimization": {"scheduler_type": "cosine"}},
    {"optimization": {"scheduler_params": {"end_factor": 0.2}}},
    {"acceleration": {"mixed_precision_mode": "fp16"}},
    {"acceleration": {"quantization": "int8-quanto"}},
    {"data": {"preprocessed_data_root": "elsewhere"}},
    {"flow_matching": {"timestep_sampling_mode": "uniform"}},
    {"flow_matching": {"timestep_sampling_params": {"std": 2.0}}},
    {"seed": 1},
]


@pytest.mark.parametrize("sections", ANOTHER)
def test_another_training_is_another_run(sections: dict[str, Any]) -> None:
    assert fingerprint(**sections) != fingerprint()


SAME = [
    {"model": {"model_path": "m.safetensors", "text_encoder_path": "gemma", "video_vae_path": "v"}},
    {"optimization": {"enable_gradient_checkpointing": True}},
    {"optimization": {"scheduler_params": {"end_factor": 0.1, "total_iters": 3000}}},
    {"flow_matching": {"timestep_sampling_params": {"std": 1.0}}},
    {"acceleration": {"load_text_encoder_in_8bit": True, "offload_optimizer_during_validation": True}},
    {"data": {"preprocessed_data_root": "data", "num_dataloader_workers": 0}},
    {"data": {"preprocessed_data_root": str(Path.cwd() / "data")}},
    {"validation": {"samples": [{"prompt": "a"}], "interval": 5, "seed": 1, "video_dims": [64, 64, 9]}},
    {"checkpoints": {"interval": 1, "keep_last_n": 0, "save_training_state": "full", "no_resume": True}},
    {"hub": {"push_to_hub": True, "hub_model_id": "a/b"}},
    {"wandb": {"enabled": True, "tags": ["x"]}},
    {"output_dir": "elsewhere"},
]


@pytest.mark.parametrize("sections", SAME)
def test_the_rest_may_change_on_the_way(sections: dict[str, Any]) -> None:
    assert fingerprint(**sections) == fingerprint()


def test_a_full_training_has_no_lora() -> None:
    full = {"model_path": "m.safetensors", "training_mode": "full"}
    assert fingerprint(model=full, lora={"rank": 8}) == fingerprint(model=full, lora=None)


def test_shape_and_cover() -> None:
    assert len(fingerprint()) == 64
    assert "optimization.learning_rate" in covered_fields()
    assert not [path for path in covered_fields() if path.startswith(("validation", "checkpoints", "wandb", "hub"))]
