from __future__ import annotations

import pytest
import torch
from torch import nn

from schemas.errors import CheckpointError
from trainer.loop.optimizers import build_optimizer, pack_optimizer, set_learning_rate, unpack_optimizer


def parameters(seed: int = 0) -> dict[str, nn.Parameter]:
    generator = torch.Generator().manual_seed(seed)
    return {
        "small": nn.Parameter(torch.randn(4, 3, generator=generator)),
        "large": nn.Parameter(torch.randn(128, 64, generator=generator)),
        "unused": nn.Parameter(torch.randn(2, generator=generator)),
    }


def step(chosen: dict[str, nn.Parameter], optimizer: torch.optim.Optimizer, seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    for name in ("small", "large"):
        chosen[name].grad = torch.randn(chosen[name].shape, generator=generator)
    optimizer.step()


@pytest.mark.parametrize("kind", ["adamw", "adamw8bit"])
def test_a_packed_state_goes_on_bit_for_bit(kind: str) -> None:
    first = parameters()
    optimizer = build_optimizer(kind, first.values(), 1e-2)
    for seed in range(3):
        step(first, optimizer, seed)
    tensors, numbers = pack_optimizer(optimizer, first)
    assert not any(name.startswith("unused") for name in [*tensors, *numbers])
    second = {name: nn.Parameter(parameter.detach().clone()) for name, parameter in first.items()}
    other = build_optimizer(kind, second.values(), 1e-2)
    unpack_optimizer(other, second, tensors, numbers)
    for seed in range(3, 6):
        step(first, optimizer, seed)
        step(second, other, seed)
    assert all(torch.equal(first[name], second[name]) for name in first)


def test_packing_copies_nothing() -> None:
    """With full training a copy of the state would be twice the model in fp32."""
    chosen = parameters()
    optimizer = build_optimizer("adamw", chosen.values(), 1e-2)
    step(chosen, optimizer, 0)
    tensors, _ = pack_optimizer(optimizer, chosen)
    held = {value.data_ptr() for slots in optimizer.state.values() for value in slots.values()}
    assert {tensor.data_ptr() for tensor in tensors.values()} == held


def test_state_of_a_stranger_is_refused() -> None:
    chosen = parameters()
    optimizer = build_optimizer("adamw", chosen.values(), 1e-2)
    with pytest.raises(CheckpointError, match="stranger"):
        unpack_optimizer(optimizer, chosen, {"stranger/exp_avg": torch.zeros(1)}, {})


def test_the_rate_of_a_step_is_the_one_that_was_set() -> None:
    chosen = parameters()
    optimizer = build_optimizer("adamw", chosen.values(), 1.0)
    set_learning_rate(optimizer, 0.0)
    before = chosen["small"].detach().clone()
    step(chosen, optimizer, 0)
    assert torch.equal(chosen["small"], before)
