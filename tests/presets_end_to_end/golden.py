"""Training losses that must not drift unnoticed: the first steps of each preset, in ``losses.json``.

Inputs are stored (the tiny checkpoint of ``tests/golden``) or drawn by numpy, whose streams are the same everywhere;
computation is in fp32 on one thread. What remains is the order of sums in other instruction sets, far below the
tolerance. After a change that is meant to move them, renew them and look at the differences before committing:

    RENEW_LOSSES=1 python -m pytest tests/presets_end_to_end/test_losses.py
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import pytest
import torch

LOSSES: Final = Path(__file__).with_name("losses.json")
TOLERANCE: Final = 1e-4
"""Relative."""
CHECKPOINT: Final = Path(__file__).resolve().parents[1] / "golden" / "ltx2.3_tiny_checkpoint.safetensors"
CLIPS: Final = 3
FRAMES, HEIGHT, WIDTH, STEPS_OF_SOUND = 10, 2, 2, 12
"""Latent sizes of a clip: 8 frames, or 8 steps of sound, leave something to learn."""
VIDEO_CHANNELS, SOUND_CHANNELS, SOUND_BINS = 16, 1, 16
TEXT_TOKENS, VIDEO_TEXT, AUDIO_TEXT = 128, 64, 32
"""What the checkpoint takes. Its connectors tile their registers to multiples of 128 tokens."""


def write_prepared(root: Path, directories: Sequence[str]) -> Path:
    """Prepared clips with numbers from a fixed stream in the directories that a preset reads."""
    for index in range(CLIPS):
        draws = np.random.default_rng(index)
        tables = _tables(draws, index)
        for name in directories:
            path = root / name / f"clip_{index}.pt"
            path.parent.mkdir(parents=True, exist_ok=True)
            torch.save(tables[name], path)
    return root


def _tables(draws: np.random.Generator, index: int) -> Mapping[str, dict[str, Any]]:
    def normal(*shape: int) -> torch.Tensor:
        return torch.from_numpy(draws.standard_normal(shape, dtype=np.float32))

    def video() -> dict[str, Any]:
        latents = normal(VIDEO_CHANNELS, FRAMES, HEIGHT, WIDTH).bfloat16()
        return {"latents": latents, "num_frames": FRAMES, "height": HEIGHT, "width": WIDTH, "fps": 25.0}

    def audio() -> dict[str, Any]:
        latents = normal(SOUND_CHANNELS, STEPS_OF_SOUND, SOUND_BINS)
        return {
            "latents": latents,
            "num_time_steps": STEPS_OF_SOUND,
            "frequency_bins": SOUND_BINS,
            "duration": STEPS_OF_SOUND / 25,
        }

    padding = torch.ones(TEXT_TOKENS, dtype=torch.int64)
    padding[: index + 3] = 0
    return {
        "conditions": {
            "video_prompt_embeds": normal(TEXT_TOKENS, VIDEO_TEXT).bfloat16(),
            "audio_prompt_embeds": normal(TEXT_TOKENS, AUDIO_TEXT).bfloat16(),
            "prompt_attention_mask": padding,
        },
        "latents": video(),
        "audio_latents": audio(),
        "reference_latents": video(),
        "reference_audio_latents": audio(),
        "video_masks": {"mask": (normal(FRAMES, HEIGHT, WIDTH) > 0).float()},
        "audio_masks": {"mask": (normal(STEPS_OF_SOUND) > 0).float()},
    }


def compare(name: str, losses: Sequence[float]) -> None:
    """Fail when ``losses`` differ from those stored for ``name``; with RENEW_LOSSES, store them instead."""
    stored: dict[str, list[float]] = json.loads(LOSSES.read_text(encoding="utf-8")) if LOSSES.exists() else {}
    if os.environ.get("RENEW_LOSSES"):
        stored[name] = [float(f"{loss:.7g}") for loss in losses]
        lines = ",\n".join(f'  "{key}": {json.dumps(stored[key])}' for key in sorted(stored))
        LOSSES.write_text(f"{{\n{lines}\n}}\n", encoding="utf-8")
        pytest.skip("stored anew, compared with nothing")
    assert losses == pytest.approx(stored[name], rel=TOLERANCE)
