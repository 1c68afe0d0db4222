"""What one optimizer step is reported as: losses over all its micro-batches, times and rates."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import torch
from torch import Tensor

from trainer.objective.batch import ModalityName
from trainer.objective.strategy import MODALITIES, Losses, TrainingStep

BUCKET_EDGES = (0.0, 0.25, 0.5, 0.75, 1.0)
"""Noise levels are reported in four equal bins; the last one is closed."""


def bucket_name(sigma: float) -> str:
    """``sigma_0.25-0.50`` for a noise level in that bin."""
    index = min(int(sigma * 4), 3) if sigma > 0 else 0
    return f"sigma_{BUCKET_EDGES[index]:.2f}-{BUCKET_EDGES[index + 1]:.2f}"


@dataclass(slots=True)
class StepLosses:
    """Losses of one optimizer step, kept on the device until its end so that nothing waits for them before."""

    _rows: list[Tensor] = field(default_factory=list)
    """``[samples, 5]`` fp32: total loss, then loss and sigma of video and audio; NaN marks an absent modality."""
    tokens: int = 0

    def add(self, step: TrainingStep, losses: Losses) -> None:
        """Note one micro-batch."""
        columns = [losses.total().detach().float()]
        for modality in MODALITIES:
            loss_B, part = losses.of(modality), step.of(modality)
            if loss_B is None or part is None:
                # The presence of a modality is a constant of the run, so the mark cannot hide a bad loss.
                absent = torch.full_like(columns[0], math.nan)
                columns += [absent, absent]
            else:
                columns += [loss_B.detach().float(), part.sigma_B.detach().float()]
        self._rows.append(torch.stack(columns, dim=1))
        self.tokens += step.tokens

    def rows(self) -> Tensor:
        """All samples of the step on this process, ``[samples, 5]``."""
        return torch.cat(self._rows)


def loss_metrics(rows: list[list[float]], generated: tuple[ModalityName, ...]) -> dict[str, float]:
    """``loss``, ``loss/<modality>``, ``loss/sigma_<bin>`` and ``loss/<modality>/sigma_<bin>`` of a step.

    ``rows`` are those of StepLosses over all ranks. Only bins that were hit appear. A sample's modality counts in the
    bin of that modality's own sigma.
    """
    metrics = {"loss": _mean([row[0] for row in rows])}
    pooled: dict[str, list[float]] = {}
    for index, modality in enumerate(MODALITIES):
        if modality not in generated:
            continue
        pairs = [(row[1 + 2 * index], row[2 + 2 * index]) for row in rows]
        metrics[f"loss/{modality}"] = _mean([loss for loss, _ in pairs])
        own: dict[str, list[float]] = {}
        for loss, sigma in pairs:
            name = bucket_name(sigma)
            own.setdefault(name, []).append(loss)
            pooled.setdefault(name, []).append(loss)
        metrics.update({f"loss/{modality}/{name}": _mean(values) for name, values in sorted(own.items())})
    metrics.update({f"loss/{name}": _mean(values) for name, values in sorted(pooled.items())})
    return metrics


def _mean(values: list[float]) -> float:
    return math.fsum(values) / len(values) if all(map(math.isfinite, values)) else math.nan
