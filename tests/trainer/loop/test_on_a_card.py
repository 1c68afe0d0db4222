"""Whole runs on a CUDA device: what only there is asynchronous, pinned, scaled or rounded by other kernels."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest
import torch

from schemas.errors import EnvironmentFault
from tests.support.deep import write_deep
from tests.trainer.loop.world import events, train
from trainer.loop.engine import Engine
from trainer.loop.metrics import StepLosses
from trainer.objective.batch import Batch

LAYERS = 5
SAVERS = {
    "quantization": "int8-quanto",
    "blocks_to_swap": LAYERS,
    "blocks_to_recompute": 2,
    "offload_optimizer_during_validation": True,
}
pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device"),
]


def overrides(folder: Path, **acceleration: Any) -> dict[str, Any]:
    """On a model with more layers than two, its clips loaded by other processes."""
    return {
        "model__model_path": str(write_deep(folder / "model.safetensors", LAYERS)),
        "optimization__enable_gradient_checkpointing": True,
        "data__num_dataloader_workers": 2,
        **{f"acceleration__{name}": value for name, value in acceleration.items()},
    }


@pytest.mark.parametrize("precision", ["bf16", "fp16"])
@pytest.mark.parametrize("optimizer", ["adamw", "adamw8bit"])
@pytest.mark.parametrize("savers", [{}, SAVERS, {**SAVERS, "quantization": "nf4-bnb"}], ids=["plain", "int8", "nf4"])
def test_a_run_trains_saves_and_goes_on(
    clips: Path, tmp_path: Path, precision: str, optimizer: str, savers: dict[str, Any]
) -> None:
    output = tmp_path / "run"
    given = overrides(tmp_path, mixed_precision_mode=precision, **savers) | {"optimization__optimizer_type": optimizer}
    given |= {"lora__rank": 64, "lora__alpha": 64}  # wide enough that bitsandbytes rounds the state at all
    assert train(clips, output, **given, optimization__steps=4, optimization__scheduler_type="constant") == 0
    state = json.loads((output / "checkpoints/step_000004/state.json").read_text())
    assert (state["scaler"] is None) == (precision == "bf16")
    assert train(clips, output, **given, optimization__steps=6, optimization__scheduler_type="constant") == 0
    found = {event["step"]: event["metrics"] for event in events(output, "metric")}
    assert sorted(found) == [1, 2, 3, 4, 5, 6]
    assert all(math.isfinite(metrics["loss"]) for metrics in found.values())
    assert all(0 < metrics["memory_allocated"] <= metrics["memory_peak"] for metrics in found.values())


def test_memory_that_runs_out_is_told_as_it_was(clips: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The card's own error; the steps before it are saved, and that does not change what is told."""
    work = Engine.micro_step

    def greedy(self: Engine, step: int, micro: int, batch: Batch, losses: StepLosses) -> None:
        work(self, step, micro, batch, losses)
        if step == 2:
            torch.empty(torch.cuda.get_device_properties(0).total_memory, dtype=torch.uint8, device="cuda")

    monkeypatch.setattr(Engine, "micro_step", greedy)
    output = tmp_path / "run"
    with pytest.raises(EnvironmentFault, match="ran out of memory in a training step") as raised:
        train(clips, output, **overrides(tmp_path), checkpoints__interval=None)
    assert raised.value.exit_code == 4
    assert "of the card's" in raised.value.why
    assert (output / "checkpoints/step_000002/weights.safetensors").is_file()
