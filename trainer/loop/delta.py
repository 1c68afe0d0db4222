"""How much a LoRA changes the weights it sits on."""

from __future__ import annotations

import math
from typing import Final

import torch
from torch import Tensor, nn

from trainer.model.lora import ADAPTER, lora_layers

EVERY: Final = 50
FIRST: Final = (1, 10)
"""Steps at which it is told besides: a LoRA that learns nothing should be known at once."""


def delta_metrics(transformer: nn.Module, step: int) -> dict[str, float]:
    """``lora_delta_rms`` at every 50th step; empty at others and without a LoRA."""
    if step % EVERY and step not in FIRST:
        return {}
    size = lora_delta_rms(transformer)
    return {} if size is None else {"lora_delta_rms": size}


@torch.no_grad()
def lora_delta_rms(transformer: nn.Module) -> float | None:
    """Root mean square over all elements of all changes ``alpha / rank * B A``; None without adapters.

    Through ``|BA|^2 = sum((B^T B) * (A A^T))``, so that no change is ever built: r x r numbers per module. All ranks
    have to call it when parameters are sharded.
    """
    total: Tensor | None = None
    elements = 0
    for layer in lora_layers(transformer).values():
        down_RI, up_OR = (_whole(part[ADAPTER].weight).float() for part in (layer.lora_A, layer.lora_B))
        square = ((up_OR.T @ up_OR) * (down_RI @ down_RI.T)).sum() * layer.scaling[ADAPTER] ** 2
        total = square if total is None else total + square
        elements += up_OR.shape[0] * down_RI.shape[1]
    return None if total is None else math.sqrt(max(0.0, float(total)) / elements)


def _whole(weight: Tensor) -> Tensor:
    """A sharded parameter (DTensor) put together; any other as it is."""
    whole: Tensor = weight.full_tensor() if hasattr(weight, "full_tensor") else weight
    return whole
