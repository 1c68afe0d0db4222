"""Samples of a step are made once, however often the run is taken up there."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import pytest
import torch
from torch import nn

from schemas import validate
from tests.trainer.loop.test_validating import Counting
from tests.trainer.loop.world import config_data
from trainer.loop.reporter import Reporter
from trainer.loop.tracker import NoTracker
from trainer.loop.validated import Validated
from trainer.loop.validating import Validator
from trainer.rundir import EventLog, RunDirectory, StatusWriter


@pytest.fixture
def run(tmp_path: Path) -> RunDirectory:
    directory = RunDirectory(tmp_path / "run")
    directory.create()
    return directory


@pytest.fixture
def reporter(run: RunDirectory) -> Iterator[Reporter]:
    with EventLog(run.events_path) as log, StatusWriter(run) as status:
        yield Reporter(log, status)


def settings(run: RunDirectory, **changes: Any) -> Validated:
    sample = {"samples": [{"prompt": "x"}], "interval": 5, "stg_blocks": [1]}
    data = config_data(run.path.parent, run.path, validation=sample)
    for path, value in changes.items():
        section, _, name = path.partition("__")
        data[section][name] = value
    return Validated(run, validate(data))


def validator(runner: object, reporter: Reporter, done: Validated) -> Validator:
    model = nn.Linear(2, 2)
    return Validator(
        cast(Any, runner),
        cast(Any, model),
        torch.optim.SGD(model.parameters()),
        reporter,
        NoTracker(),
        offload_optimizer=False,
        done=done,
    )


def test_taking_a_run_up_twice_makes_its_samples_once(run: RunDirectory, reporter: Reporter) -> None:
    runner = Counting()
    for _ in range(3):
        validator(runner, reporter, settings(run)).begin(5, 5, skip=False)
    validator(runner, reporter, settings(run)).begin(10, 5, skip=False)
    assert runner.steps == [5, 10]
    # Asked for, they are made again.
    validator(runner, reporter, settings(run)).run(5)
    assert runner.steps == [5, 10, 5]


@pytest.mark.parametrize(
    "changes",
    [{"validation__samples": [{"prompt": "another"}]}, {"validation__seed": 5}, {"lora__rank": 8}],
    ids=["prompt", "seed", "training"],
)
def test_other_settings_are_other_samples(run: RunDirectory, reporter: Reporter, changes: dict[str, Any]) -> None:
    runner = Counting()
    validator(runner, reporter, settings(run)).begin(5, 5, skip=False)
    validator(runner, reporter, settings(run, validation__interval=3)).begin(5, 3, skip=False)
    assert runner.steps == [5]
    validator(runner, reporter, settings(run, **changes)).begin(5, 5, skip=False)
    assert runner.steps == [5, 5]


def test_going_back_forgets_what_lay_ahead(run: RunDirectory) -> None:
    done = settings(run)
    for step in (5, 10, 15):
        done.add(step)
    done.forget_after(10)
    assert [settings(run).has(step) for step in (5, 10, 15)] == [True, True, False]


def test_a_failed_validation_is_not_done(run: RunDirectory, reporter: Reporter) -> None:
    class Failing:
        def run(self, *_: object) -> None:
            raise OSError(28, "No space left")

    assert validator(Failing(), reporter, settings(run)).run(5) is not None
    assert not settings(run).has(5)
