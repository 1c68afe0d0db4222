"""Swapped and recomputed blocks through the real loop: the same training, in every bit."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from presets.memory import BlockPlan
from schemas import validate
from schemas.errors import ConfigError
from tests.support.deep import write_deep
from tests.trainer.loop.world import config_data, events, train, weights_digest
from trainer.fixed_loss import fixed_losses, newest_export
from trainer.loop.blocks import VRAM, settle_blocks
from trainer.loop.precision import compute_dtype
from trainer.rundir import RunDirectory, send

LAYERS = 4
STEPS = 2
CPU = torch.device("cpu")
SWAP, RECOMPUTE = "acceleration__blocks_to_swap", "acceleration__blocks_to_recompute"
CHECKPOINTING = "optimization__enable_gradient_checkpointing"


@pytest.fixture(scope="module")
def deep(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_deep(tmp_path_factory.mktemp("deep") / "model.safetensors", LAYERS)


@pytest.fixture(scope="module")
def common(deep: Path) -> dict[str, Any]:
    """Two steps with all that touches the blocks: dropout, accumulation, an average, the loss on held-out clips."""
    return {
        "model__model_path": str(deep),
        "lora__ema_decay": 0.9,
        "optimization__steps": STEPS,
        "checkpoints__interval": None,
        "validation__loss_interval": 1,
        "validation__loss_holdout": 2,
    }


def settled(count: Any = 0, recompute: Any = "all", *, checkpointing: bool = True, **more: Any) -> Any:
    changes = {SWAP: count, RECOMPUTE: recompute, CHECKPOINTING: checkpointing}
    changes["model__model_path"] = str(more.pop("model", "model.safetensors"))
    config = validate(config_data(Path("data"), Path("out"), **changes))
    return settle_blocks(config, LAYERS, CPU, **{"environ": {}, **more})


def losses(output: Path) -> list[tuple[float, ...]]:
    names = ("loss", "loss/video", "grad_norm", "validation/loss")
    found = [event["metrics"] for event in events(output, "metric")]
    return [tuple(metrics[name] for name in names if name in metrics) for metrics in found]


def test_training_is_the_same_to_the_bit(clips: Path, tmp_path: Path, common: dict[str, Any]) -> None:
    plain = tmp_path / "plain"
    assert train(clips, plain, **common) == 0
    ways = {
        "swapped": {SWAP: 3},
        "both": {CHECKPOINTING: True, RECOMPUTE: 2, SWAP: 4},
    }
    for name, changes in ways.items():
        output = tmp_path / name
        assert train(clips, output, **common, **changes) == 0
        assert weights_digest(output, STEPS) == weights_digest(plain, STEPS), name
        assert losses(output) == losses(plain), name
        (chosen,) = events(output, "blocks")
        assert chosen["swapped"] == changes.get(SWAP, 0)
        assert chosen["recomputed"] == (2 if CHECKPOINTING in changes else 0)
        assert chosen["layers"] == LAYERS


def test_an_interrupted_run_on_quantized_swapped_blocks_ends_with_the_same_bits(
    clips: Path, tmp_path: Path, common: dict[str, Any]
) -> None:
    common = {**common, "acceleration__quantization": "int8-quanto"}
    assert train(clips, tmp_path / "plain", **common) == 0
    output = tmp_path / "run"
    RunDirectory(output).create()
    send(RunDirectory(output), "stop")
    stopped = train(clips, output, **common, **{SWAP: 3})
    assert stopped == 75
    # How a model is held is no part of what is trained: the run may go on otherwise.
    assert train(clips, output, **common, **{SWAP: "auto", RECOMPUTE: "auto", CHECKPOINTING: True}) == 0
    assert weights_digest(output, STEPS) == weights_digest(tmp_path / "plain", STEPS)


@pytest.mark.slow
def test_quantized_training_reaches_the_loss_of_plain_training(
    clips: Path, tmp_path: Path, common: dict[str, Any]
) -> None:
    """Swapping and recomputing are exact, rounding weights is not: what it learns must be nearly as good."""
    common = {**common, "optimization__steps": 20, "lora__ema_decay": None, "validation__loss_interval": None}
    config = None
    reached: dict[str | None, float] = {}
    for kind in (None, "int8-quanto", "fp8-quanto", "int4-quanto", "nf4-bnb"):
        output = tmp_path / str(kind)
        changes = {
            "acceleration__quantization": kind,
            **({} if kind is None else {SWAP: 3, RECOMPUTE: 2, CHECKPOINTING: True}),
        }
        assert train(clips, output, **common, **changes) == 0
        config = validate(config_data(clips, output, **common, **changes))
        assert compute_dtype(config) == torch.float32
        (found,) = fixed_losses(config, newest_export(config), draws=8, seeds=[0])
        assert found.trained < 0.9 * found.base
        reached[kind] = found.trained
    plain = reached[None]
    assert reached["int8-quanto"] == pytest.approx(plain, rel=0.02)
    assert reached["fp8-quanto"] == pytest.approx(plain, rel=0.05)
    for kind in ("int4-quanto", "nf4-bnb"):
        assert reached[kind] == pytest.approx(plain, rel=0.15)


def test_what_is_configured_is_what_is_done() -> None:
    assert settled().plan == BlockPlan(0, LAYERS)
    assert settled(checkpointing=False).plan == BlockPlan(0, 0)
    assert settled(3, 2).plan == BlockPlan(3, 2)
    assert settled(3, 0).plan == BlockPlan(3, 0)
    assert settled(3, 2, environ={VRAM: "1"}).budget is None


def test_without_a_card_nothing_is_chosen() -> None:
    found = settled("auto", "auto")
    assert (found.plan, found.budget) == (BlockPlan(0, LAYERS), None)
    assert "no card" in str(found)


def test_the_smaller_the_card_the_more_is_done_to_fit(deep: Path) -> None:
    # 0.6 GB is what every estimate takes for the driver: nothing fits into that.
    tight, ample = {VRAM: "0.6"}, {VRAM: "24"}
    assert settled("auto", "auto", model=deep, environ=ample).plan == BlockPlan(0, 0)
    assert settled("auto", "auto", model=deep, environ=tight).plan == BlockPlan(LAYERS, LAYERS)
    assert settled("auto", 1, model=deep, environ=tight).plan == BlockPlan(LAYERS, 1)
    assert settled(0, "auto", model=deep, environ=ample).plan == BlockPlan(0, 0)
    found = settled("auto", "auto", model=deep, environ=tight)
    assert found.budget == int(0.6 * 2**30)
    assert VRAM in str(found)


@pytest.mark.parametrize("wish", ["much", "-1", "0", "nan", "inf"])
def test_a_wish_that_is_no_size(wish: str) -> None:
    with pytest.raises(ConfigError, match=VRAM):
        settled("auto", environ={VRAM: wish})


def test_what_cannot_be_done_is_refused() -> None:
    for count, recompute in ((5, 1), (1, 5)):
        with pytest.raises(ConfigError, match="more than the model has"):
            settled(count, recompute)
    for wish in (3, "auto"):
        with pytest.raises(ConfigError, match="2 processes at once"):
            settled(wish, processes=2)
    assert settled(0, processes=2).plan == BlockPlan(0, LAYERS)
