"""How noisy a training sample gets: the distributions of sigma.

Both samplers are pure functions of their draws, one value per sample, so that a run can be repeated exactly and a
stored set of draws can be checked against stored results.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

UPPER_NORMAL = 3.0902
"""Standard normal quantile (99.9 %) that the stretched distribution maps to 1."""
LOWER_NORMAL = -2.5758
"""Standard normal quantile (0.5 %) that the stretched distribution maps to 0."""


@dataclass(frozen=True, slots=True)
class SigmaDraws:
    """What a sampler turns into sigmas, one of each per sample."""

    normal_B: Tensor
    value_B: Tensor
    """Uniform in [0, 1): the sigma itself where the uniform branch is taken."""
    selector_B: Tensor
    """Uniform in [0, 1): decides between the branches."""

    @classmethod
    def from_generator(cls, generator: torch.Generator) -> SigmaDraws:
        """Draws for one sample, on the CPU."""
        normal = torch.randn(1, generator=generator)
        uniform = torch.rand(2, generator=generator)
        return cls(normal, uniform[:1], uniform[1:])


class SigmaSampler(Protocol):
    """Turns draws into sigmas in [0, 1]."""

    def __call__(self, draws: SigmaDraws, tokens: int) -> Tensor:
        """Sigma ``[B]``; ``tokens`` counts the modality's target tokens, references excluded."""
        ...


@dataclass(frozen=True, slots=True)
class UniformSigma:
    """Every noise level between two bounds equally often."""

    min_value: float = 0.0
    max_value: float = 1.0

    def __call__(self, draws: SigmaDraws, tokens: int) -> Tensor:  # noqa: ARG002 - the length does not matter here
        return draws.value_B * (self.max_value - self.min_value) + self.min_value


@dataclass(frozen=True, slots=True)
class ShiftedLogitNormalSigma:
    """Logit-normal noise levels, pushed up for long sequences, with a uniform share.

    The bulk between two quantiles is stretched over [0, 1]; what falls below ``eps`` is reflected; a share
    ``uniform_prob`` of the samples is uniform over [eps, 1] so that no level is starved.
    """

    std: float = 1.0
    eps: float = 1e-3
    uniform_prob: float = 0.1

    def __call__(self, draws: SigmaDraws, tokens: int) -> Tensor:
        mean = shift(tokens)
        level_B = torch.sigmoid(mean + self.std * draws.normal_B)
        upper = torch.sigmoid(level_B.new_tensor(mean + UPPER_NORMAL * self.std))
        lower = torch.sigmoid(level_B.new_tensor(mean + LOWER_NORMAL * self.std))
        stretched_B = (level_B - lower) / (upper - lower)
        reflected_B = torch.where(stretched_B >= self.eps, stretched_B, 2 * self.eps - stretched_B).clamp(0, 1)
        uniform_B = self.eps + (1 - self.eps) * draws.value_B
        return torch.where(draws.selector_B > self.uniform_prob, reflected_B, uniform_B)


def shift(tokens: int) -> float:
    """Mean of the logit-normal for a sequence of ``tokens``: a line through (1024, 0.95) and (4096, 2.05)."""
    return 0.95 + (2.05 - 0.95) * (tokens - 1024) / (4096 - 1024)


SAMPLERS: dict[str, type[UniformSigma] | type[ShiftedLogitNormalSigma]] = {
    "uniform": UniformSigma,
    "shifted_logit_normal": ShiftedLogitNormalSigma,
}


def build_sampler(mode: str, params: Mapping[str, float]) -> SigmaSampler:
    """The sampler named by ``flow_matching.timestep_sampling_mode``; ``params`` with all defaults filled in."""
    return SAMPLERS[mode](**params)
