"""A validation that fails is told, and training goes on as if it had not been."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import pytest
import torch
from torch import nn

from schemas.errors import CheckpointError
from tests.trainer.loop.world import events
from trainer.loop import validating
from trainer.loop.reporter import Reporter
from trainer.loop.signals import Interrupted
from trainer.loop.tracker import NoTracker
from trainer.loop.validating import Validator
from trainer.rundir import EventLog, RunDirectory, StatusWriter
from trainer.validation.room import StrandedError


class Failing:
    """A runner that meets an error in the middle of its work."""

    def __init__(self, error: Exception) -> None:
        self.error = error
        self.modes: list[bool] = []
        self.devices: set[str] = set()
        self.optimizer: torch.optim.Optimizer | None = None

    def run(self, transformer: nn.Module, step: int, progress: Any) -> None:
        self.modes.append(transformer.training)
        progress("sample 1 of 1", 1, 8)
        raise self.error


@pytest.fixture
def reporter(tmp_path: Path) -> Iterator[Reporter]:
    run = RunDirectory(tmp_path)
    run.create()
    with EventLog(run.events_path) as log, StatusWriter(run) as status:
        yield Reporter(log, status)


@pytest.mark.parametrize(
    "error",
    [torch.OutOfMemoryError("out of memory"), CheckpointError("no VAE"), OSError(28, "No space left"), ValueError("x")],
    ids=lambda error: type(error).__name__,
)
def test_a_failure_is_a_warning(tmp_path: Path, reporter: Reporter, error: Exception) -> None:
    model = nn.Linear(2, 2).train()
    optimizer = torch.optim.AdamW(model.parameters())
    model(torch.ones(1, 2)).sum().backward()
    optimizer.step()
    before = [value.clone() for slots in optimizer.state.values() for value in slots.values()]
    runner = Failing(error)
    validator = Validator(cast(Any, runner), cast(Any, model), optimizer, reporter, NoTracker(), offload_optimizer=True)
    problem = validator.run(7)
    assert problem is not None
    assert runner.modes == [False]
    assert model.training
    after = [value for slots in optimizer.state.values() for value in slots.values()]
    assert all(torch.equal(one, other) for one, other in zip(before, after, strict=True))
    (told,) = events(tmp_path, "warning")
    assert told["code"] == "validation_failed"
    assert "step 7" in told["message"]


@pytest.mark.parametrize("error", [StrandedError("no room"), Interrupted()], ids=lambda error: type(error).__name__)
def test_what_is_no_failure_of_validation_goes_on_to_the_loop(
    tmp_path: Path, reporter: Reporter, error: Exception
) -> None:
    """A transformer that cannot come back to its device must not train on; a wish to stop is heeded."""
    model = nn.Linear(2, 2).train()
    optimizer = torch.optim.AdamW(model.parameters())
    validator = Validator(
        cast(Any, Failing(error)), cast(Any, model), optimizer, reporter, NoTracker(), offload_optimizer=True
    )
    with pytest.raises(type(error)):
        validator.run(7)
    assert model.training
    assert events(tmp_path, "warning") == []


def test_an_optimizer_that_cannot_come_back_ends_the_run(reporter: Reporter, monkeypatch: pytest.MonkeyPatch) -> None:
    full = torch.OutOfMemoryError("no memory left")

    def move(_: torch.optim.Optimizer, device: torch.device | None) -> None:
        if device is None:
            raise full

    monkeypatch.setattr(validating, "move_optimizer", move)
    model, runner = nn.Linear(2, 2), Counting()
    validator = Validator(
        cast(Any, runner),
        cast(Any, model),
        torch.optim.SGD(model.parameters()),
        reporter,
        NoTracker(),
        offload_optimizer=True,
    )
    with pytest.raises(StrandedError):
        validator.run(3)


def test_it_runs_at_multiples_of_the_interval(reporter: Reporter) -> None:
    model = nn.Linear(2, 2)
    runner = Failing(ValueError("x"))
    validator = Validator(
        cast(Any, runner),
        cast(Any, model),
        torch.optim.SGD(model.parameters()),
        reporter,
        NoTracker(),
        offload_optimizer=False,
    )
    for step in range(7):
        validator.run_if_due(step, 3)
    validator.run_if_due(9, None)
    assert len(runner.modes) == 3


def test_without_samples_there_is_nothing_to_run(reporter: Reporter) -> None:
    model = nn.Linear(2, 2)
    validator = Validator(
        None, cast(Any, model), torch.optim.SGD(model.parameters()), reporter, NoTracker(), offload_optimizer=False
    )
    validator.run_if_due(3, 3)
    assert validator.run(3) == "this run has no validation samples"


class Counting:
    """A runner that only notes when it runs."""

    def __init__(self) -> None:
        self.steps: list[int] = []

    def run(self, transformer: object, step: int, on_progress: object) -> tuple[()]:
        del transformer, on_progress
        self.steps.append(step)
        return ()


def test_a_run_begins_with_samples_where_they_are_due(reporter: Reporter) -> None:
    model, runner = nn.Linear(2, 2), Counting()
    optimizer = torch.optim.SGD(model.parameters())
    validator = Validator(
        cast(Any, runner), cast(Any, model), optimizer, reporter, NoTracker(), offload_optimizer=False
    )
    validator.begin(0, 5, skip=False)
    validator.begin(7, 5, skip=False)
    validator.begin(0, 5, skip=True)
    validator.begin(7, None, skip=False)
    validator.begin(10, 5, skip=False)
    assert runner.steps == [0, 10]
