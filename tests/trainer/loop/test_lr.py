"""Every closed form beside the torch scheduler of the same meaning, stepped one by one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
import torch
from torch.optim import lr_scheduler

from schemas.params import resolved_scheduler_params
from trainer.loop.lr import LearningRate

STEPS = 40
TORCH: Mapping[str, Any] = {
    "linear": lr_scheduler.LinearLR,
    "cosine": lr_scheduler.CosineAnnealingLR,
    "cosine_with_restarts": lr_scheduler.CosineAnnealingWarmRestarts,
    "polynomial": lr_scheduler.PolynomialLR,
    "step": lr_scheduler.StepLR,
}


def schedule(
    kind: str, base: float = 1e-4, steps: int = STEPS, params: Mapping[str, float] | None = None
) -> LearningRate:
    return LearningRate(kind, base, resolved_scheduler_params(kind, params or {}, steps))


@pytest.mark.parametrize(
    ("kind", "params"),
    [
        ("linear", {}),
        ("linear", {"start_factor": 0.2, "end_factor": 1.0, "total_iters": 15}),
        ("cosine", {}),
        ("cosine", {"T_max": 10, "eta_min": 2e-5}),
        ("cosine_with_restarts", {}),
        ("cosine_with_restarts", {"T_0": 3, "T_mult": 2, "eta_min": 0.0}),
        ("cosine_with_restarts", {"T_0": 2, "T_mult": 3, "eta_min": 1e-5}),
        ("polynomial", {}),
        ("polynomial", {"power": 2.5, "total_iters": 30}),
        ("step", {}),
        ("step", {"step_size": 7, "gamma": 0.5}),
    ],
)
def test_closed_forms_equal_the_torch_schedulers(kind: str, params: dict[str, float]) -> None:
    ours = schedule(kind, params=params)
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1e-4)
    theirs = TORCH[kind](optimizer, **resolved_scheduler_params(kind, params, STEPS))
    for step in range(STEPS + 5):
        assert ours.at(step) == pytest.approx(theirs.get_last_lr()[0], rel=1e-6, abs=1e-14), step
        optimizer.step()
        theirs.step()


def test_the_written_vectors() -> None:
    linear = schedule("linear", steps=2000)
    assert [linear.at(step) for step in (0, 500, 1000, 2000)] == pytest.approx([1e-4, 7.75e-5, 5.5e-5, 1e-5])
    assert schedule("cosine", steps=2000).at(1000) == pytest.approx(5e-5)


def test_constant() -> None:
    assert {schedule("constant").at(step) for step in range(9)} == {1e-4}


def test_a_floor_above_the_rate_never_raises_it() -> None:
    rates = [schedule("cosine_with_restarts", base=1e-5).at(step) for step in range(STEPS)]
    assert max(rates) == pytest.approx(1e-5)


@pytest.mark.parametrize("kind", ["cosine_with_restarts", "step"])
def test_runs_of_a_few_steps(kind: str) -> None:
    assert schedule(kind, steps=2).at(0) == pytest.approx(1e-4)
    assert schedule(kind, steps=1).at(5) >= 0


def test_a_changed_rate_scales_the_schedule() -> None:
    rate = schedule("linear")
    before = rate.at(10)
    rate.base = 2e-4
    assert rate.at(10) == pytest.approx(2 * before)
