from __future__ import annotations

import math

import pytest

from trainer.loop.metrics import bucket_name, loss_metrics

NAN = math.nan


@pytest.mark.parametrize(
    ("sigma", "name"),
    [(0.0, "sigma_0.00-0.25"), (0.25, "sigma_0.25-0.50"), (0.9999, "sigma_0.75-1.00"), (1.0, "sigma_0.75-1.00")],
)
def test_bins_are_closed_below_and_the_last_one_above(sigma: float, name: str) -> None:
    assert bucket_name(sigma) == name


def test_each_modality_counts_under_its_own_noise_level() -> None:
    rows = [[3.0, 1.0, 0.1, 2.0, 0.9], [5.0, 1.0, 0.2, 4.0, 0.3]]
    metrics = loss_metrics(rows, ("video", "audio"))
    assert metrics == {
        "loss": 4.0,
        "loss/video": 1.0,
        "loss/video/sigma_0.00-0.25": 1.0,
        "loss/audio": 3.0,
        "loss/audio/sigma_0.25-0.50": 4.0,
        "loss/audio/sigma_0.75-1.00": 2.0,
        "loss/sigma_0.00-0.25": 1.0,
        "loss/sigma_0.25-0.50": 4.0,
        "loss/sigma_0.75-1.00": 2.0,
    }


def test_a_modality_that_is_not_learnt_is_not_reported() -> None:
    metrics = loss_metrics([[2.0, NAN, NAN, 2.0, 0.6]], ("audio",))
    assert metrics == {"loss": 2.0, "loss/audio": 2.0, "loss/audio/sigma_0.50-0.75": 2.0, "loss/sigma_0.50-0.75": 2.0}


def test_a_loss_that_is_not_finite_is_seen() -> None:
    assert math.isnan(loss_metrics([[NAN, NAN, 0.5, 1.0, 0.5], [1.0, 1.0, 0.5, 1.0, 0.5]], ("video", "audio"))["loss"])
