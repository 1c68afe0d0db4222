from __future__ import annotations

import pytest
import torch

from trainer.objective.loss import velocity_loss


def test_a_perfect_prediction_costs_nothing() -> None:
    target = torch.randn(2, 5, 3)
    assert velocity_loss(target, target, torch.ones(2, 5, dtype=torch.bool)).tolist() == [0, 0]


@pytest.mark.parametrize("counted", [1, 3, 5])
def test_a_constant_error_costs_its_square_whatever_is_masked(counted: int) -> None:
    target = torch.randn(2, 5, 3)
    mask = torch.zeros(2, 5, dtype=torch.bool)
    mask[:, :counted] = True
    loss = velocity_loss(target + 0.5, target, mask)
    assert loss.tolist() == pytest.approx([0.25, 0.25], rel=1e-5)


def test_what_is_masked_does_not_count() -> None:
    target = torch.zeros(1, 4, 2)
    prediction = torch.tensor([1.0, 9.0, 9.0, 9.0])[None, :, None].expand(1, 4, 2)
    mask = torch.tensor([[True, False, False, False]])
    assert velocity_loss(prediction, target, mask).tolist() == [1.0]


def test_nothing_counted_is_no_loss_and_no_division_by_zero() -> None:
    assert velocity_loss(torch.ones(1, 4, 2), torch.zeros(1, 4, 2), torch.zeros(1, 4, dtype=torch.bool)).tolist() == [0]
