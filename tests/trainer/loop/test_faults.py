"""What goes wrong in a run, and what must not go wrong with it."""

from __future__ import annotations

import math
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import torch

from schemas import validate
from schemas.errors import DataError, EnvironmentFault, NumericError
from tests.trainer.loop.world import config_data, events, train, weights_digest, write_clips
from trainer.loop.clips import batch_of
from trainer.loop.metrics import StepLosses
from trainer.loop.reporter import Reporter
from trainer.loop.session import Session
from trainer.loop.setup import build_session, prepare
from trainer.objective.batch import Batch
from trainer.rundir import EventLog, RunDirectory, StatusWriter
from trainer.seeds import seed_forward


@pytest.fixture
def session(clips: Path, tmp_path: Path) -> Iterator[tuple[Session, Batch]]:
    """A run ready to train, and one batch."""
    run = RunDirectory(tmp_path / "run")
    run.create()
    config = validate(config_data(clips, run.path, optimization__gradient_accumulation_steps=1))
    with EventLog(run.events_path) as log, StatusWriter(run) as status:
        reporter = Reporter(log, status)
        prepared = prepare(config, warn=reporter.warn, share=reporter.share)
        yield build_session(config, "f", prepared, None, reporter), batch_of([prepared.clips.clip(0)])


def everything(session: Session) -> dict[str, torch.Tensor]:
    """All that an optimizer step may change."""
    state = session.capture()
    assert state.optimizer is not None
    return {name: tensor.clone() for name, tensor in {**state.weights, **state.optimizer}.items()}


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_a_batch_that_is_not_finite_changes_nothing(session: tuple[Session, Batch], bad: float) -> None:
    run, good = session
    assert good.video_BCFHW is not None
    losses = StepLosses()
    run.engine.micro_step(0, 0, good, losses)
    assert run.engine.finish(losses, 1e-2).applied
    before = everything(run)
    assert len(before) > len(run.engine.parameters)
    spoiled = good.video_BCFHW.clone().float()
    spoiled[0, 0, 0, 0, 0] = bad
    losses = StepLosses()
    run.engine.micro_step(1, 0, Batch(good.names, spoiled, good.fps_B, good.audio_BCTM, good.context), losses)
    outcome = run.engine.finish(losses, 1e-2)
    assert not outcome.applied
    after = everything(run)
    assert before.keys() == after.keys()
    assert all(torch.equal(before[name], after[name]) for name in before)
    assert all(parameter.grad is None for parameter in run.engine.parameters.values())


def spoil(root: Path, index: int, value: float = 1e30) -> None:
    """Finite numbers whose squares are not."""
    path = root / f"latents/clip_{index}.pt"
    table: dict[str, Any] = torch.load(path, weights_only=True)
    table["latents"] = torch.full_like(table["latents"], value)
    torch.save(table, path)


def test_a_bad_clip_is_left_out_and_named(clips: Path, tmp_path: Path) -> None:
    root = tmp_path / "data"
    shutil.copytree(clips, root)
    spoil(root, 3)
    output = tmp_path / "run"
    assert train(root, output, optimization__steps=6, optimization__gradient_accumulation_steps=1) == 0
    told = [event["message"] for event in events(output, "warning") if event["code"] == "non_finite_step"]
    assert len(told) == 1
    assert "clip_3" in told[0]
    losses = [event["metrics"]["loss"] for event in events(output, "metric")]
    assert losses.count("NaN") == 1


def test_three_bad_steps_in_a_row_end_the_run(tmp_path: Path) -> None:
    root = write_clips(tmp_path / "data")
    for index in range(6):
        spoil(root, index)
    output = tmp_path / "run"
    with pytest.raises(NumericError, match="3 steps in a row"):
        train(root, output, optimization__steps=6, checkpoints__interval=100)
    assert events(output, "exit")[-1]["code"] == 5
    assert not list((output / "checkpoints").glob("*.safetensors"))


@pytest.mark.parametrize("workers", [0, 1])
def test_a_damaged_clip_ends_the_run_after_a_save(clips: Path, tmp_path: Path, workers: int) -> None:
    root = tmp_path / "data"
    shutil.copytree(clips, root)
    spoil(root, 3, math.nan)
    output = tmp_path / "run"
    shape = {"optimization__steps": 6, "optimization__gradient_accumulation_steps": 1, "checkpoints__interval": 100}
    with pytest.raises(DataError, match="clip_3"):
        train(root, output, seed=8, data__num_dataloader_workers=workers, **shape)
    done = len(events(output, "metric"))
    assert done > 0
    assert weights_digest(output, done)


@pytest.mark.parametrize(
    "error",
    [
        torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.\nmore"),
        RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"),
    ],
)
def test_running_out_of_memory_while_loading_is_no_bug(
    clips: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: RuntimeError
) -> None:
    def exhausted(*_: object) -> None:
        raise error

    monkeypatch.setattr("trainer.loop.run.build_session", exhausted)
    with pytest.raises(EnvironmentFault, match=r"in phase \w+: CUDA (out of memory|error: CUBLAS)"):
        train(clips, tmp_path / "run")
    assert events(tmp_path / "run", "exit")[-1]["code"] == 4


def test_running_out_of_memory_saves_and_says_what_helps(
    clips: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = seed_forward

    def exhausted(seed: int, rank: int, step: int, micro_step: int) -> None:
        if step == 1 and micro_step == 1:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.\nmore")
        real(seed, rank, step, micro_step)

    output = tmp_path / "run"
    monkeypatch.setattr("trainer.loop.engine.seed_forward", exhausted)
    with pytest.raises(EnvironmentFault, match=r"Tried to allocate 2\.00 GiB") as raised:
        train(clips, output, checkpoints__interval=None)
    assert "enable_gradient_checkpointing" in str(raised.value)
    assert raised.value.__context__ is None
    monkeypatch.undo()
    assert train(clips, output, checkpoints__interval=None) == 0
    assert train(clips, tmp_path / "whole", checkpoints__interval=None) == 0
    assert weights_digest(output, 4) == weights_digest(tmp_path / "whole", 4)


class Usage(NamedTuple):
    total: int
    used: int
    free: int


def test_a_full_disk_is_told_and_tried_again(clips: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    answers = iter([0, 0, 10**12, 10**12])
    monkeypatch.setattr("trainer.loop.saving.shutil.disk_usage", lambda _: Usage(0, 0, next(answers)))
    output = tmp_path / "run"
    assert train(clips, output, checkpoints__interval=1) == 0
    told = [event for event in events(output, "warning") if event["code"] == "save_failed"]
    assert len(told) == 2
    assert [event["step"] for event in events(output, "checkpoint")] == [3, 4]


def test_a_disk_that_stays_full_ends_the_run(clips: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("trainer.loop.saving.shutil.disk_usage", lambda _: Usage(0, 0, 0))
    output = tmp_path / "run"
    with pytest.raises(EnvironmentFault, match=r"0\.00 GB are free"):
        train(clips, output, checkpoints__interval=1)
    assert len(events(output, "metric")) == 3
    assert events(output, "exit")[-1]["code"] == 4


def test_the_last_save_is_not_given_up_quietly(clips: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("trainer.loop.saving.shutil.disk_usage", lambda _: Usage(0, 0, 0))
    with pytest.raises(EnvironmentFault):
        train(clips, tmp_path / "run", optimization__steps=1, checkpoints__interval=None)
