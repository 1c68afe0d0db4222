"""A tiny model with its text encoder, and configurations that validate on it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import torch

from schemas import LtxTrainerConfig, validate
from trainer.demo.gemma import write_tiny_gemma
from trainer.demo.tiny import write_tiny_checkpoint
from trainer.files.checkpoint import ModelFiles, resolve_model_files

GOLDEN = Path(__file__).parents[2] / "golden"
Configure = Callable[..., LtxTrainerConfig]


@dataclass(frozen=True, slots=True)
class World:
    """Where the tiny model lies."""

    checkpoint: Path
    gemma: Path
    prompts: Path
    """Cache of encoded prompts, shared by the tests that are not about it."""


@pytest.fixture(scope="session", autouse=True)
def _one_thread() -> None:
    torch.set_num_threads(1)


@pytest.fixture(scope="session")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    root = tmp_path_factory.mktemp("tiny")
    return World(write_tiny_checkpoint(root / "tiny.safetensors"), write_tiny_gemma(root / "gemma"), root / "prompts")


@pytest.fixture
def configure(world: World, tmp_path: Path) -> Configure:
    """``configure(**validation)``: text to video with sound, no guidance, and these validation settings."""

    def make(**validation: Any) -> LtxTrainerConfig:
        defaults: dict[str, Any] = {
            "samples": [{"prompt": "a red square moves"}],
            "video_dims": [64, 64, 9],
            "inference_steps": 2,
            "stg_blocks": [1],
            "negative_prompt": "noise",
            "video_cfg_scale": 1.0,
            "audio_cfg_scale": 1.0,
            "video_stg_scale": 0.0,
            "audio_stg_scale": 0.0,
            "video_modality_guidance_scale": 1.0,
            "audio_modality_guidance_scale": 1.0,
        }
        (tmp_path / "data").mkdir(exist_ok=True)
        return validate(
            {
                "model": {"model_path": str(world.checkpoint), "text_encoder_path": str(world.gemma)},
                "lora": {},
                "training_strategy": {
                    "name": "flexible",
                    "video": {"is_generated": True, "latents_dir": "latents"},
                    "audio": {"is_generated": True, "latents_dir": "audio_latents"},
                },
                "data": {"preprocessed_data_root": str(tmp_path / "data")},
                "validation": {**defaults, **validation},
                "output_dir": str(tmp_path / "run"),
            }
        )

    return make


GUIDED: dict[str, float] = {
    "video_cfg_scale": 3.0,
    "audio_cfg_scale": 7.0,
    "video_stg_scale": 1.0,
    "audio_stg_scale": 1.0,
    "video_modality_guidance_scale": 3.0,
    "audio_modality_guidance_scale": 3.0,
}
"""The defaults of the schema: four passes a step."""


@pytest.fixture
def files(configure: Configure) -> ModelFiles:
    return resolve_model_files(configure().model)
