from __future__ import annotations

from types import SimpleNamespace

import pytest
import torch
from torch import nn

from trainer.loop.delta import delta_metrics, lora_delta_rms
from trainer.model.lora import ADAPTER, add_lora, lora_layers


class _Attention(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.to_k = nn.Linear(12, 8)
        self.to_q = nn.Linear(6, 20)


def _adapted() -> nn.Module:
    model = _Attention()
    add_lora(model, SimpleNamespace(rank=4, alpha=8, dropout=0.0, target_modules=["to_k", "to_q"]), seed=0)
    return model


def test_a_new_lora_changes_nothing_and_a_trained_one_as_much_as_its_product_says() -> None:
    model = _adapted()
    assert lora_delta_rms(model) == 0.0
    squares, elements = 0.0, 0
    generator = torch.Generator().manual_seed(1)
    for layer in lora_layers(model).values():
        up, down = layer.lora_B[ADAPTER].weight, layer.lora_A[ADAPTER].weight
        with torch.no_grad():
            up.copy_(torch.randn(up.shape, generator=generator))
        change = 8 / 4 * (up @ down).detach()
        squares, elements = squares + float(change.square().sum()), elements + change.numel()
    assert lora_delta_rms(model) == pytest.approx((squares / elements) ** 0.5, rel=1e-5)


def test_without_adapters_there_is_nothing_to_tell() -> None:
    assert lora_delta_rms(_Attention()) is None
    assert delta_metrics(_Attention(), 50) == {}


def test_it_is_told_early_and_then_now_and_then() -> None:
    model = _adapted()
    assert [step for step in range(1, 121) if delta_metrics(model, step)] == [1, 10, 50, 100]
