"""Parameters of schedules and samplers, complete."""

from __future__ import annotations

from typing import Any

import pytest

from schemas.params import resolved_sampling_params, resolved_scheduler_params

SCHEDULES = [
    ("constant", {}, 100, {}),
    ("linear", {}, 100, {"start_factor": 1.0, "end_factor": 0.1, "total_iters": 100}),
    ("linear", {"total_iters": 7}, 100, {"start_factor": 1.0, "end_factor": 0.1, "total_iters": 7}),
    ("cosine", {}, 100, {"T_max": 100, "eta_min": 0.0}),
    ("cosine_with_restarts", {}, 100, {"T_0": 25, "T_mult": 1, "eta_min": 5e-5}),
    ("cosine_with_restarts", {}, 3, {"T_0": 1, "T_mult": 1, "eta_min": 5e-5}),
    ("polynomial", {"power": 2}, 100, {"total_iters": 100, "power": 2.0}),
    ("step", {}, 100, {"step_size": 50, "gamma": 0.1}),
    ("step", {}, 1, {"step_size": 1, "gamma": 0.1}),
]


@pytest.mark.parametrize(("kind", "params", "steps", "expected"), SCHEDULES)
def test_schedules(kind: str, params: dict[str, Any], steps: int, expected: dict[str, Any]) -> None:
    assert resolved_scheduler_params(kind, params, steps) == expected


def test_samplers() -> None:
    assert resolved_sampling_params("uniform", {}) == {"min_value": 0.0, "max_value": 1.0}
    assert resolved_sampling_params("shifted_logit_normal", {"std": 2}) == {
        "std": 2.0,
        "eps": 1e-3,
        "uniform_prob": 0.1,
    }
