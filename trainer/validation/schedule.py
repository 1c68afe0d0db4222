"""Noise levels of a sample, from pure noise to none."""

from __future__ import annotations

import math
from typing import Final

import torch
from torch import Tensor

MU: Final = 2.05
"""Shift of the schedule. Validation always uses that of 4096 tokens, whatever the size of the sample."""
TERMINAL: Final = 0.1
"""Noise level from which the last step goes to zero."""


def sigmas(steps: int) -> Tensor:
    """``[steps + 1]`` fp32 noise levels, 1 first and 0 last, computed in double precision.

    s = e^mu / (e^mu + 1/t - 1) for t = 1 .. 1/steps, then stretched linearly in 1 - s so that the last level above
    zero is TERMINAL. One step is [1, 0]: the stretch would divide nothing by nothing. Raises ValueError below 1.
    """
    if steps < 1:
        raise ValueError(f"a schedule needs at least one step, got {steps}")
    times = torch.linspace(1, 0, steps + 1, dtype=torch.float64)[:-1]
    shifted = math.exp(MU) / (math.exp(MU) + 1 / times - 1)
    if steps > 1:
        shifted = 1 - (1 - shifted) * (1 - TERMINAL) / (1 - shifted[-1])
    return torch.cat([shifted, shifted.new_zeros(1)]).float()
