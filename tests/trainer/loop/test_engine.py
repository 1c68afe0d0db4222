"""The end of an optimizer step under a loss scaler, which needs no card for its arithmetic."""

from __future__ import annotations

import math
from types import SimpleNamespace

import pytest
import torch
from torch import Tensor, nn

from trainer.loop.engine import Engine

SCALE = 2.0**16


class Rows:
    """Losses of one sample."""

    def __init__(self, loss: float) -> None:
        self.loss = loss

    def rows(self) -> Tensor:
        return torch.tensor([[self.loss, self.loss, 0.5, math.nan, math.nan]])


@pytest.mark.parametrize(("loss", "gradient", "scale"), [(1.0, math.inf, SCALE / 2), (math.inf, 1.0, SCALE)])
def test_what_is_not_finite_reaches_the_scaler_alone(loss: float, gradient: float, scale: float) -> None:
    parameter = nn.Parameter(torch.ones(3))
    optimizer = torch.optim.AdamW([parameter], lr=0.1)
    scaler = torch.amp.GradScaler("cpu", init_scale=SCALE)
    accelerator = SimpleNamespace(
        scaler=scaler, unscale_gradients=lambda: scaler.unscale_(optimizer), gather=lambda rows: rows
    )
    engine = Engine(
        accelerator=accelerator,
        model=nn.Identity(),
        parameters={"w": parameter},
        optimizer=optimizer,
        strategy=None,  # type: ignore[arg-type]
        seed=0,
        accumulation=1,
        max_grad_norm=1.0,
    )
    for _ in range(2):
        scaler.scale((parameter * gradient).sum()).backward()
        outcome = engine.finish(Rows(loss), 0.1)  # type: ignore[arg-type]
        assert not outcome.applied
        assert scaler.get_scale() == scale
        scale = scale / 2 if scale < SCALE else scale
    assert parameter.tolist() == [1, 1, 1]
    assert parameter.grad is None
    assert not optimizer.state
