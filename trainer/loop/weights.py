"""What is trained, by official name, whichever the training mode."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor, nn

from schemas.errors import CheckpointError
from trainer.model.lora import lora_tensors
from trainer.model.official import official_name


def trained_parameters(transformer: nn.Module) -> dict[str, nn.Parameter]:
    """Trainable parameters by official name: the adapters of a LoRA run, everything in full training."""
    adapters = lora_tensors(transformer)
    if adapters:
        return adapters
    return {official_name(name): parameter for name, parameter in transformer.named_parameters()}


def fill_weights(parameters: Mapping[str, nn.Parameter], tensors: Mapping[str, Tensor], path: Path) -> None:
    """Overwrite the trained parameters. Raises CheckpointError unless names and shapes agree exactly."""
    unknown, missing = tensors.keys() - parameters.keys(), parameters.keys() - tensors.keys()
    if unknown or missing:
        example = sorted(unknown or missing)[0]
        raise CheckpointError(
            f"{len(unknown)} of its tensors are not trained here and {len(missing)} trained ones are not in it",
            where=path,
            why=f"for example {example}",
            hint="resume with the training mode and target modules it was saved with",
        )
    for name, parameter in parameters.items():
        if parameter.shape != tensors[name].shape:
            raise CheckpointError(
                f"{name} is {list(tensors[name].shape)}, this run needs {list(parameter.shape)}", where=path
            )
    with torch.no_grad():
        for name, parameter in parameters.items():
            parameter.copy_(tensors[name])
