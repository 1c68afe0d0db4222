"""What the phases share: memory given back, errors explained, progress in few lines."""

from __future__ import annotations

import weakref
from pathlib import Path

import pytest
import torch
from torch import nn

from schemas.errors import CheckpointError, DataError, EnvironmentFault
from tests.support.tiny import TinyWorld
from trainer.data.phase import Workshop
from trainer.data.plan import make_plan
from trainer.data.report import Report
from trainer.prepare import parse_options_data


@pytest.fixture
def said() -> list[str]:
    return []


@pytest.fixture
def shop(world: TinyWorld, tmp_path: Path, said: list[str]) -> Workshop:
    report = Report()
    plan = make_plan(parse_options_data(world.options(output_dir=str(tmp_path))), report)
    return Workshop(plan, report, torch.device("cpu"), said.append)


@pytest.mark.parametrize("tied", [False, True])
def test_a_model_is_gone_after_its_phase(shop: Workshop, tied: bool) -> None:
    seen: list[weakref.ref[nn.Module]] = []

    def load() -> nn.Module:
        model = nn.Linear(2, 2)
        if tied:
            model.append_self = [model]  # type: ignore[assignment] # a reference cycle
        seen.append(weakref.ref(model))
        return model

    shop.using("model", load, lambda model: None)
    assert seen[0]() is None


@pytest.mark.parametrize(
    "error", [torch.OutOfMemoryError("CUDA out of memory."), RuntimeError("cuDNN error: CUDNN_STATUS_ALLOC_FAILED")]
)
def test_running_out_of_memory_says_what_helps(shop: Workshop, error: RuntimeError) -> None:
    def load() -> nn.Module:
        raise error

    with pytest.raises(EnvironmentFault, match="ran out of memory with the video encoder") as caught:
        shop.using("video encoder", load, lambda model: None)
    assert "--vae-tiling" in caught.value.hint


def test_one_bad_clip_is_dropped_a_bad_checkpoint_stops_everything(shop: Workshop) -> None:
    sample = shop.plan.samples[0]

    def fail(error: DataError) -> None:
        raise error

    assert shop.attempt(sample, "videos", lambda: fail(DataError("is broken", where=Path("a.mp4")))) is None
    assert [(one.name, one.phase, one.path, one.reason) for one in shop.report.dropped] == [
        (sample.name, "videos", "a.mp4", "is broken")
    ]
    with pytest.raises(CheckpointError):
        shop.attempt(sample, "videos", lambda: fail(CheckpointError("lacks tensors")))


def test_what_is_not_finite_is_not_written(shop: Workshop) -> None:
    sample = shop.plan.samples[0]
    with pytest.raises(DataError, match="not finite"):
        shop.save("latents", sample, {"latents": torch.tensor([torch.nan])})
    assert not shop.plan.output("latents", sample).exists()


def test_progress_of_many_samples_takes_few_lines(shop: Workshop, said: list[str]) -> None:
    for done in range(1, 10001):
        shop.progress("videos", done, 10000)
    assert 150 < len(said) <= 201
    assert said[-1] == "videos 10000/10000"
    said.clear()
    for done in range(1, 4):
        shop.progress("videos", done, 3)
    assert said == ["videos 1/3", "videos 2/3", "videos 3/3"]
