"""Configurations the tests of this room start from."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

DATA = Path(__file__).parent / "data"
SEED_ERA = DATA / "seed_era.yaml"
CURRENT = DATA / "current.yaml"

_SMALLEST: dict[str, Any] = {
    "model": {"model_path": "m.safetensors"},
    "lora": {},
    "training_strategy": {"name": "flexible", "video": {"is_generated": True, "latents_dir": "latents"}},
    "data": {"preprocessed_data_root": "data"},
}


def smallest(**sections: Any) -> dict[str, Any]:
    """The least a configuration must hold, with whole sections replaced or added."""
    return {**copy.deepcopy(_SMALLEST), **sections}
