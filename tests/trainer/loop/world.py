"""Prepared clips of the golden checkpoint's widths, written directly, and configurations that train on them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from schemas import LtxTrainerConfig, render_yaml, validate

GOLDEN = Path(__file__).resolve().parents[2] / "golden"
CHECKPOINT = GOLDEN / "ltx2.3_tiny_checkpoint.safetensors"
TEXT_TOKENS = 128
"""The connectors of the golden checkpoints tile their registers to multiples of this."""


@dataclass(frozen=True)
class Clip:
    """Latent sizes of one prepared clip."""

    frames: int = 2
    height: int = 2
    width: int = 3
    steps: int = 9
    fps: float = 25.0


def write_clips(root: Path, clips: Sequence[Clip] = (Clip(),) * 6, checkpoint: Path = CHECKPOINT) -> Path:
    """Write latents, audio latents and caption features for each clip below ``root``."""
    generator = torch.Generator().manual_seed(len(clips))
    widths = (64, 32) if "2.0" not in checkpoint.name else (48, 48)

    def noise(*shape: int) -> torch.Tensor:
        return torch.randn(shape, generator=generator)

    for index, clip in enumerate(clips):
        mask = torch.ones(TEXT_TOKENS, dtype=torch.int64)
        mask[: index + 3] = 0
        tables: dict[str, dict[str, Any]] = {
            "latents": {
                "latents": noise(16, clip.frames, clip.height, clip.width).bfloat16(),
                "num_frames": clip.frames,
                "height": clip.height,
                "width": clip.width,
                "fps": clip.fps,
            },
            "audio_latents": {
                "latents": noise(1, clip.steps, 16),
                "num_time_steps": clip.steps,
                "frequency_bins": 16,
                "duration": clip.steps / 25,
            },
            "conditions": {
                "video_prompt_embeds": noise(TEXT_TOKENS, widths[0]).bfloat16(),
                "audio_prompt_embeds": noise(TEXT_TOKENS, widths[1]).bfloat16(),
                "prompt_attention_mask": mask,
            },
        }
        for folder, table in tables.items():
            path = root / folder / f"clip_{index}.pt"
            path.parent.mkdir(parents=True, exist_ok=True)
            torch.save(table, path)
    return root


def config_data(root: Path, output: Path, **overrides: Any) -> dict[str, Any]:
    """A small fp32 LoRA run on video and audio; ``overrides`` by dotted path, dots as double underscores."""
    data: dict[str, Any] = {
        "model": {"model_path": str(CHECKPOINT), "training_mode": "lora"},
        "lora": {"rank": 4, "alpha": 4, "dropout": 0.1, "target_modules": ["to_k", "to_v"]},
        "training_strategy": {
            "name": "flexible",
            "video": {"is_generated": True, "latents_dir": "latents"},
            "audio": {"is_generated": True, "latents_dir": "audio_latents"},
        },
        "optimization": {
            "learning_rate": 1e-2,
            "steps": 4,
            "batch_size": 1,
            "gradient_accumulation_steps": 2,
            "scheduler_type": "cosine",
            "enable_gradient_checkpointing": False,
        },
        "acceleration": {"mixed_precision_mode": "no"},
        "data": {"preprocessed_data_root": str(root), "num_dataloader_workers": 0},
        "validation": {"interval": None},
        "checkpoints": {"interval": 2, "keep_last_n": -1, "precision": "float32", "save_training_state": "full"},
        "seed": 7,
        "output_dir": str(output),
    }
    for path, value in overrides.items():
        place = data
        *parts, last = path.split("__")
        for part in parts:
            place = place.setdefault(part, {})
        place[last] = value
    return data


def write_config(path: Path, data: Mapping[str, Any]) -> LtxTrainerConfig:
    """Check a configuration and write it as YAML."""
    config = validate(dict(data))
    path.write_text(render_yaml(config))
    return config


def train(root: Path, output: Path, **overrides: Any) -> int:
    """Run the trainer in this process; ``resume`` is the command line's."""
    from trainer.loop.run import run

    resume = overrides.pop("resume", "auto")

    output.parent.mkdir(parents=True, exist_ok=True)
    path = output.with_suffix(".yaml")
    write_config(path, config_data(root, output, **overrides))
    return run(path, resume)


def events(output: Path, kind: str) -> list[dict[str, Any]]:
    """Events of one type in a run's log."""
    lines = (output / "events.jsonl").read_text().splitlines()
    return [event for event in map(json.loads, lines) if event["type"] == kind]


def weights_digest(output: Path, step: int) -> str:
    """SHA-256 of the trained tensors in the state of a step."""
    return hashlib.sha256((output / f"checkpoints/step_{step:06d}/weights.safetensors").read_bytes()).hexdigest()
