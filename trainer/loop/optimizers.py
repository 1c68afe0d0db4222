"""The optimizers, and their state as plain tensors and numbers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from schemas.errors import CheckpointError, EnvironmentFault

WEIGHT_DECAY = 1e-2


def build_optimizer(kind: str, parameters: Iterable[nn.Parameter], learning_rate: float) -> torch.optim.Optimizer:
    """``adamw`` (fused) or ``adamw8bit``, with torch's betas, eps and a weight decay of 0.01.

    Raises EnvironmentFault when bitsandbytes cannot be used here.
    """
    chosen = list(parameters)
    if kind == "adamw":
        return torch.optim.AdamW(chosen, lr=learning_rate, weight_decay=WEIGHT_DECAY, fused=True)
    try:
        import bitsandbytes
    except (ImportError, OSError, RuntimeError) as error:
        raise EnvironmentFault(
            f"adamw8bit needs bitsandbytes, which cannot be loaded: {error}",
            where="optimization.optimizer_type",
            hint="install bitsandbytes, or set optimization.optimizer_type to adamw",
        ) from error
    return bitsandbytes.optim.AdamW8bit(chosen, lr=learning_rate, weight_decay=WEIGHT_DECAY)


def set_learning_rate(optimizer: torch.optim.Optimizer, value: float) -> None:
    """Use ``value`` from the next step on."""
    for group in optimizer.param_groups:
        group["lr"] = value


def pack_optimizer(
    optimizer: torch.optim.Optimizer, names: Sequence[str]
) -> tuple[dict[str, Tensor], dict[str, dict[str, Any]]]:
    """State as tensors by ``<parameter>/<slot>`` (CPU copies) and numbers by parameter and slot.

    ``names`` are the parameters' names in the order they were given to the optimizer.
    """
    tensors: dict[str, Tensor] = {}
    numbers: dict[str, dict[str, Any]] = {}
    for index, slots in optimizer.state_dict()["state"].items():
        for slot, value in slots.items():
            if isinstance(value, Tensor):
                tensors[f"{names[index]}/{slot}"] = value.detach().to("cpu", copy=True).contiguous()
            elif value is not None:
                numbers.setdefault(names[index], {})[slot] = value
    return tensors, numbers


def unpack_optimizer(
    optimizer: torch.optim.Optimizer,
    names: Sequence[str],
    tensors: Mapping[str, Tensor],
    numbers: Mapping[str, Mapping[str, Any]],
) -> None:
    """The inverse of pack_optimizer. Raises CheckpointError when a parameter is not among ``names``."""
    places = {name: index for index, name in enumerate(names)}
    state: dict[int, dict[str, Any]] = {}
    for key, tensor in tensors.items():
        name, _, slot = key.rpartition("/")
        state.setdefault(_place(places, name), {})[slot] = tensor
    for name, slots in numbers.items():
        state.setdefault(_place(places, name), {}).update(slots)
    optimizer.load_state_dict({"state": state, "param_groups": optimizer.state_dict()["param_groups"]})


def _place(places: Mapping[str, int], name: str) -> int:
    if name not in places:
        raise CheckpointError(f"holds optimizer state of {name}, which this run does not train")
    return places[name]


def move_optimizer(optimizer: torch.optim.Optimizer, device: torch.device | None) -> None:
    """Move the state's tensors to ``device``, or back beside their parameters for None."""
    for parameter, slots in optimizer.state.items():
        target = device or parameter.device
        for slot, value in slots.items():
            # A step counter of torch lives where torch put it: on the CPU unless the kernel is fused.
            if isinstance(value, Tensor) and value.dim() > 0:
                slots[slot] = value.to(target)
