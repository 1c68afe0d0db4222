"""Settings of our own: each does what it says, and a run with it goes on bit for bit."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, safe_open
from torch import nn

from schemas.errors import ConfigError
from tests.support.tiny import prepared, tiny_world
from tests.trainer.loop.world import config_data, events, train, weights_digest, write_config
from trainer.loop.average import RAMP, WeightAverage
from trainer.loop.run import run
from trainer.loop.state_files import read_state
from trainer.rundir import RunDirectory, send

KNOBS: list[dict[str, Any]] = [
    {"optimization__warmup_steps": 3},
    {"optimization__weight_decay": 0.3},
    {"lora__ema_decay": 0.7},
    {"training_strategy__shared_sigma": True},
    {"training_strategy__audio__loss_weight": 0.25},
]


def name(knob: dict[str, Any]) -> str:
    return next(iter(knob)).rpartition("__")[2]


@pytest.fixture(scope="module")
def plain(clips: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run with every extension at its default."""
    from accelerate.state import AcceleratorState

    AcceleratorState._reset_state(reset_partial_state=True)
    output = tmp_path_factory.mktemp("plain") / "run"
    assert train(clips, output) == 0
    return output


def test_a_run_with_all_of_them_goes_on_bit_for_bit(clips: Path, plain: Path, tmp_path: Path) -> None:
    knobs = {path: value for knob in KNOBS for path, value in knob.items()}
    assert train(clips, tmp_path / "whole", **knobs) == 0
    output = tmp_path / "run"
    RunDirectory(output).create()
    send(RunDirectory(output), "stop")
    assert train(clips, output, **knobs) == 75
    assert train(clips, output, **knobs) == 0
    assert weights_digest(output, 4) == weights_digest(tmp_path / "whole", 4) != weights_digest(plain, 4)
    paths = (path / "checkpoints/step_000004/average.safetensors" for path in (output, tmp_path / "whole"))
    again, whole = map(load_file, paths)
    assert all(torch.equal(again[key], tensor) for key, tensor in whole.items())


@pytest.mark.parametrize("knob", KNOBS, ids=name)
def test_another_value_is_another_run(clips: Path, plain: Path, tmp_path: Path, knob: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match=name(knob)):
        train(clips, tmp_path / "run", resume=str(plain / "checkpoints/step_000002"), **knob)


def test_the_rate_rises_to_the_schedule(clips: Path, plain: Path, tmp_path: Path) -> None:
    assert train(clips, tmp_path / "run", optimization__warmup_steps=2, checkpoints__save_training_state="off") == 0
    warm, usual = ([event["metrics"]["lr"] for event in events(path, "metric")] for path in (tmp_path / "run", plain))
    assert warm == pytest.approx([usual[0] / 2, *usual[1:]])


def test_loss_weights_count_in_the_sum(clips: Path, tmp_path: Path) -> None:
    assert train(clips, tmp_path / "run", training_strategy__audio__loss_weight=0.25, optimization__steps=1) == 0
    record = events(tmp_path / "run", "metric")[0]["metrics"]
    assert record["loss"] == pytest.approx(record["loss/video"] + 0.25 * record["loss/audio"], rel=1e-5)


def test_the_average_of_all_at_once_is_that_of_each_to_the_bit() -> None:
    weights = {str(size): nn.Parameter(torch.randn(size, 5)) for size in (1, 3, 200)}
    average = WeightAverage(0.9, weights)
    expected = {name: tensor.clone() for name, tensor in average.tensors.items()}
    for step in range(100):
        share = 1 - min(0.9, (1 + step) / (RAMP + step))
        for name, weight in weights.items():
            weight.data += torch.randn_like(weight)
            expected[name].lerp_(weight.detach(), share)
        average.update(step)
    for name, tensor in expected.items():
        assert torch.equal(average.tensors[name], tensor)


def test_the_average_is_that_of_the_weights_and_is_published_beside_them(clips: Path, tmp_path: Path) -> None:
    output = tmp_path / "run"
    knob = {"lora__ema_decay": 0.15, "checkpoints__interval": 1, "checkpoints__keep_last_n": 3, "lora__alpha": 8}
    assert train(clips, output, optimization__steps=3, **knob) == 0
    states = [read_state(output / f"checkpoints/step_{step:06d}") for step in (1, 2, 3)]
    for before, after, share in ((states[0], states[1], 0.85), (states[1], states[2], 0.85)):
        assert before.average is not None
        assert after.average is not None
        for key, weights in after.weights.items():
            expected = (1 - share) * before.average[key] + share * weights
            torch.testing.assert_close(after.average[key], expected)
    assert states[2].average is not None
    published = load_file(output / "checkpoints/lora_ema_weights_step_00003.safetensors")
    key = next(name for name in states[2].average if name.endswith("lora_B.weight"))
    # alpha / rank is 2 and is baked in.
    torch.testing.assert_close(published[f"diffusion_model.{key}"], 2 * states[2].average[key])
    with safe_open(output / "checkpoints/lora_ema_weights_step_00003.safetensors", "pt") as file:
        assert file.metadata()["ema_decay"] == "0.15"
    assert train(clips, output, optimization__steps=4, **knob) == 0
    kept = sorted(path.name for path in (output / "checkpoints").glob("lora_*"))
    both = [f"lora_{kind}_step_{step:05d}.safetensors" for kind in ("ema_weights", "weights") for step in (2, 3, 4)]
    assert kept == both


def test_captions_are_dropped(tmp_path: Path) -> None:
    """With every caption dropped, the captions make no difference; a run that drops half of them goes on exactly."""
    world = tiny_world(tmp_path / "world", count=2)
    root = prepared(world)

    def go(name: str, dropout: float, *, steps: int = 2, stop: bool = False) -> Path:
        output = tmp_path / name
        if stop:
            RunDirectory(output).create()
            send(RunDirectory(output), "stop")
        data = config_data(
            root,
            output,
            model__model_path=str(world.checkpoint),
            model__text_encoder_path=str(world.gemma),
            training_strategy={
                "name": "flexible",
                "video": {"is_generated": True, "latents_dir": "latents"},
                "caption_dropout": dropout,
            },
            optimization__steps=steps,
            optimization__gradient_accumulation_steps=1,
            # Where there is no card for it the text encoder is read whole.
            acceleration__load_text_encoder_in_8bit=True,
        )
        write_config(tmp_path / f"{name}.yaml", data)
        assert run(tmp_path / f"{name}.yaml") == (75 if stop else 0)
        return output

    half = go("half", 0.5)
    go("again", 0.5, stop=True)
    assert weights_digest(go("again", 0.5), 2) == weights_digest(half, 2)
    full = go("full", 1.0, steps=1)
    files = sorted((root / "conditions").rglob("*.pt"))
    first, second = (torch.load(path, weights_only=True) for path in files[:2])
    torch.save(second, files[0])
    torch.save(first, files[1])
    assert weights_digest(go("swapped", 1.0, steps=1), 1) == weights_digest(full, 1)
    assert weights_digest(go("read", 0.0, steps=1), 1) != weights_digest(full, 1)


def test_dropping_captions_needs_a_text_encoder(clips: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="text encoder"):
        train(clips, tmp_path / "run", training_strategy__caption_dropout=0.1)
