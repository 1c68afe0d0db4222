"""Runs on a quantized base: they train, resume to the bit, and measure what they did."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
from safetensors.torch import load_file

from schemas import load_config
from tests.trainer.loop.world import events, train, weights_digest
from trainer.fixed_loss import fixed_losses, newest_export
from trainer.rundir import RunDirectory, send

INT8 = {"acceleration__quantization": "int8-quanto"}


@pytest.mark.parametrize("kind", ["int8-quanto", "fp8-quanto", "int4-quanto", "nf4-bnb"])
def test_training_in_bf16_with_checkpointing(clips: Path, tmp_path: Path, kind: str) -> None:
    output = tmp_path / "run"
    changes = {
        "acceleration__mixed_precision_mode": "bf16",
        "acceleration__quantization": kind,
        "optimization__enable_gradient_checkpointing": True,
        "optimization__steps": 2,
    }
    assert train(clips, output, **changes) == 0
    assert all(math.isfinite(event["metrics"]["loss"]) for event in events(output, "metric"))
    loading = [event for event in events(output, "phase") if event["phase"] == "loading" and "total" in event]
    assert loading[-1]["done"] == loading[-1]["total"] > 0
    assert kind in loading[-1]["message"]
    published = load_file(output / "checkpoints/lora_weights_step_00002.safetensors")
    assert all(".lora_" in name for name in published)
    assert any(float(tensor.abs().max()) > 0 for name, tensor in published.items() if "lora_B" in name)


def test_an_interrupted_run_ends_with_the_same_bits(clips: Path, tmp_path: Path) -> None:
    steps = {"optimization__steps": 3, **INT8}
    assert train(clips, tmp_path / "whole", **steps) == 0
    output = tmp_path / "run"
    RunDirectory(output).create()
    send(RunDirectory(output), "stop")
    assert train(clips, output, **steps) == 75
    assert train(clips, output, **steps) == 0
    assert [event["step"] for event in events(output, "metric")] == [1, 2, 3]
    assert weights_digest(output, 3) == weights_digest(tmp_path / "whole", 3)
    plain = tmp_path / "plain"
    assert train(clips, plain, optimization__steps=3) == 0
    assert weights_digest(plain, 3) != weights_digest(output, 3)


def test_the_loss_on_fixed_draws_is_taken_on_the_quantized_base(clips: Path, tmp_path: Path) -> None:
    output = tmp_path / "run"
    assert train(clips, output, optimization__steps=4, **INT8) == 0
    config = load_config(output / "training_config.yaml").config
    (found,) = fixed_losses(config, newest_export(config), draws=4, seeds=[0])
    plain = config.model_copy(update={"acceleration": config.acceleration.model_copy(update={"quantization": None})})
    (other,) = fixed_losses(plain, newest_export(config), draws=4, seeds=[0])
    assert found.trained != found.base
    assert found.base != other.base
    assert found.base == pytest.approx(other.base, rel=0.02)
