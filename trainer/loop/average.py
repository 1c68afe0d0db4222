"""A running average of the trained weights, kept beside them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Final

import torch
from torch import Tensor, nn

from schemas.errors import CheckpointError

RAMP: Final = 10
"""The average forgets its start quickly: after step n its decay is at most (1 + n) / (10 + n)."""


class WeightAverage:
    """``average = decay * average + (1 - decay) * weights`` after every update, in fp32 on the weights' device.

    The average is a function of the weights at each step and of the step's number, so nothing else need be saved.
    """

    def __init__(self, decay: float, parameters: Mapping[str, nn.Parameter]) -> None:
        """Starts from what ``parameters`` (by name) hold now."""
        self.decay = decay
        self._parameters = parameters
        self.tensors: dict[str, Tensor] = {
            name: parameter.detach().to(torch.float32, copy=True) for name, parameter in parameters.items()
        }

    def update(self, step: int) -> None:
        """Take in the weights after optimizer step ``step``, counted from 0."""
        share = 1 - min(self.decay, (1 + step) / (RAMP + step))
        with torch.no_grad():
            weights = [parameter.detach().to(torch.float32) for parameter in self._parameters.values()]
            torch._foreach_lerp_(list(self.tensors.values()), weights, share)

    def restore(self, saved: Mapping[str, Tensor] | None, path: Path) -> None:
        """Go on from a saved average. Raises CheckpointError when it is not that of these weights."""
        if saved is None or saved.keys() != self.tensors.keys():
            raise CheckpointError(
                "holds no average of the weights trained here", where=path, hint="resume from a state of this run"
            )
        for name, tensor in saved.items():
            self.tensors[name].copy_(tensor)
