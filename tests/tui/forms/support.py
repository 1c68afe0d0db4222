"""A small valid configuration for the tests of the form."""

from __future__ import annotations

from typing import Any


def small() -> dict[str, Any]:
    """Valid, with a union list, a model list and an absent modality."""
    return {
        "model": {"model_path": "/models/ltx.safetensors", "text_encoder_path": "/models/gemma"},
        "data": {"preprocessed_data_root": "/data"},
        "lora": {"rank": 32, "alpha": 32},
        "training_strategy": {
            "name": "flexible",
            "video": {
                "is_generated": True,
                "latents_dir": "latents",
                "conditions": [
                    {"type": "first_frame", "probability": 0.5},
                    {"type": "prefix", "temporal_boundary": 8, "probability": 0.25},
                ],
            },
        },
        "validation": {"samples": [{"prompt": "a [red] fox", "conditions": []}, {"prompt": "two", "conditions": []}]},
    }
