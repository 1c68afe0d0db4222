"""The optimizers, and their state as plain tensors and numbers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from schemas.errors import CheckpointError, EnvironmentFault


def build_optimizer(
    kind: str, parameters: Iterable[nn.Parameter], learning_rate: float, weight_decay: float = 1e-2
) -> torch.optim.Optimizer:
    """``adamw`` (fused) or ``adamw8bit``, with torch's betas and eps.

    Raises EnvironmentFault when bitsandbytes cannot be used here.
    """
    chosen = list(parameters)
    if kind == "adamw":
        return torch.optim.AdamW(chosen, lr=learning_rate, weight_decay=weight_decay, fused=True)
    try:
        import bitsandbytes
    except (ImportError, OSError, RuntimeError) as error:
        raise EnvironmentFault(
            f"adamw8bit needs bitsandbytes, which cannot be loaded: {error}",
            where="optimization.optimizer_type",
            hint="install bitsandbytes, or set optimization.optimizer_type to adamw",
        ) from error
    return bitsandbytes.optim.AdamW8bit(chosen, lr=learning_rate, weight_decay=weight_decay)


def set_learning_rate(optimizer: torch.optim.Optimizer, value: float) -> None:
    """Use ``value`` from the next step on."""
    for group in optimizer.param_groups:
        group["lr"] = value


def pack_optimizer(
    optimizer: torch.optim.Optimizer, parameters: Mapping[str, nn.Parameter]
) -> tuple[dict[str, Tensor], dict[str, dict[str, Any]]]:
    """State as tensors by ``<parameter>/<slot>`` (the optimizer's own) and numbers by parameter and slot."""
    tensors: dict[str, Tensor] = {}
    numbers: dict[str, dict[str, Any]] = {}
    for name, parameter in parameters.items():
        for slot, value in optimizer.state.get(parameter, {}).items():
            if isinstance(value, Tensor):
                tensors[f"{name}/{slot}"] = value.detach()
            elif value is not None:
                numbers.setdefault(name, {})[slot] = value
    return tensors, numbers


def unpack_optimizer(
    optimizer: torch.optim.Optimizer,
    parameters: Mapping[str, nn.Parameter],
    tensors: Mapping[str, Tensor],
    numbers: Mapping[str, Mapping[str, Any]],
) -> None:
    """The inverse of pack_optimizer. Raises CheckpointError for state of a parameter that is not trained.

    The state is set directly: an optimizer's own load_state_dict casts tensors to the parameter's type.
    """
    for key, tensor in tensors.items():
        name, _, slot = key.rpartition("/")
        parameter = _trained(parameters, name)
        optimizer.state[parameter][slot] = tensor.to(parameter.device, copy=True)
    for name, slots in numbers.items():
        optimizer.state[_trained(parameters, name)].update(slots)


def _trained(parameters: Mapping[str, nn.Parameter], name: str) -> nn.Parameter:
    if name not in parameters:
        raise CheckpointError(f"holds optimizer state of {name}, which this run does not train")
    return parameters[name]


def move_optimizer(optimizer: torch.optim.Optimizer, device: torch.device | None) -> None:
    """Move the state's tensors to ``device``, or back beside their parameters for None."""
    for parameter, slots in optimizer.state.items():
        target = device or parameter.device
        for slot, value in slots.items():
            # A step counter of torch lives where torch put it: on the CPU unless the kernel is fused.
            if isinstance(value, Tensor) and value.dim() > 0:
                slots[slot] = value.to(target)
