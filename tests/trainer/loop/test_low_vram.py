"""All memory savers of the small tier together, with what a machine without a card makes of them."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

import presets
from schemas import render_yaml, validate
from schemas.overrides import apply
from tests.support.tiny import prepared, tiny_world
from tests.trainer.loop.world import events
from trainer.loop.optimizers import build_optimizer, move_optimizer
from trainer.loop.run import run


def test_the_low_vram_preset_trains_and_validates(tmp_path: Path) -> None:
    world = tiny_world(tmp_path / "world", count=2)
    root = prepared(world, with_audio=True)
    output = tmp_path / "run"
    data = apply(
        presets.load("t2v_lora_low_vram"),
        [
            f"model.model_path={world.checkpoint}",
            f"model.text_encoder_path={world.gemma}",
            f"data.preprocessed_data_root={root}",
            "data.num_dataloader_workers=0",
            f"output_dir={output}",
            # Wide enough that bitsandbytes rounds the state at all.
            "lora.rank=64",
            "optimization.steps=3",
            "validation.interval=2",
            "validation.inference_steps=2",
            "validation.video_dims=[64,64,9]",
            "validation.stg_blocks=[1]",
            "wandb.enabled=false",
            "checkpoints.save_training_state=full",
        ],
    )
    data["validation"]["samples"] = [{"prompt": "a red square moves"}]
    config = validate(data)
    asked = config.acceleration
    assert asked.quantization == "int8-quanto"
    assert asked.load_text_encoder_in_8bit
    assert asked.offload_optimizer_during_validation
    assert config.optimization.optimizer_type == "adamw8bit"
    (tmp_path / "run.yaml").write_text(render_yaml(config))
    assert run(tmp_path / "run.yaml") == 0
    assert [event["step"] for event in events(output, "metric")] == [1, 2, 3]
    assert all(math.isfinite(event["metrics"]["loss"]) for event in events(output, "metric"))
    told = {event["code"]: event["message"] for event in events(output, "warning")}
    assert "validation_failed" not in told
    if torch.cuda.is_available():
        assert "text_encoder_not_8bit" not in told
        assert all(event["metrics"]["memory_peak"] > 0 for event in events(output, "metric"))
    else:
        assert "full precision" in told["text_encoder_not_8bit"]
    assert {event["step"] for event in events(output, "sample")} >= {2}
    assert all(Path(event["path"]).is_file() for event in events(output, "sample"))
    state = load_file(output / "checkpoints/step_000003/optimizer.safetensors")
    assert torch.uint8 in {tensor.dtype for tensor in state.values()}


class Elsewhere(torch.Tensor):
    """Says where it was sent; this machine has nowhere to send it."""

    sent: list[str]

    @classmethod
    def __torch_function__(cls, func, types, args=(), kwargs=None):  # type: ignore[no-untyped-def]
        if func is torch.Tensor.to:
            cls.sent.append(str(args[1]))
            return args[0]
        return super().__torch_function__(func, types, args, kwargs or {})


@pytest.fixture
def sent() -> Iterator[list[str]]:
    Elsewhere.sent = []
    yield Elsewhere.sent
    Elsewhere.sent = []


@pytest.mark.parametrize("kind", ["adamw", "adamw8bit"])
def test_all_of_the_state_but_its_counters_is_sent_away_and_back(kind: str, sent: list[str]) -> None:
    parameters = [torch.nn.Parameter(torch.ones(128, 64)), torch.nn.Parameter(torch.ones(3))]
    optimizer = build_optimizer(kind, parameters, 1e-2)
    for parameter in parameters:
        parameter.grad = torch.ones_like(parameter)
    optimizer.step()
    large = 0
    for slots in optimizer.state.values():
        for slot, value in slots.items():
            if isinstance(value, torch.Tensor) and value.dim() > 0:
                slots[slot] = value.as_subclass(Elsewhere)
                large += 1
    assert large >= 4
    move_optimizer(optimizer, torch.device("meta"))
    assert sent == ["meta"] * large
    move_optimizer(optimizer, None)
    assert sent == ["meta"] * large + ["cpu"] * large
    optimizer.step()
    assert all(bool(torch.isfinite(parameter).all()) for parameter in parameters)
