"""The loss on samples that are not trained on: at fixed noise levels, with noise that is the same every time."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

import torch
from torch import Tensor, nn

from schemas.errors import DataError
from trainer.files.dataset import DatasetIndex, Sample
from trainer.loop.clips import ClipDataset, batch_of
from trainer.loop.metrics import StepLosses, loss_metrics
from trainer.objective.batch import RandomDraws
from trainer.objective.sigma import SigmaDraws
from trainer.objective.strategy import Strategy
from trainer.seeds import generator, seed_of

if TYPE_CHECKING:
    from accelerate import Accelerator

    from schemas.validation import ValidationConfig

LEVELS: Final = (0.125, 0.375, 0.625, 0.875)
"""Noise levels that are measured: the middle of each bin that losses are reported in."""
PREFIX: Final = "validation_"


@dataclass(frozen=True, slots=True)
class FixedSigma:
    """The same noise level for every sample."""

    level: float

    def __call__(self, draws: SigmaDraws, tokens: int) -> Tensor:  # noqa: ARG002 - the length does not matter here
        return torch.full_like(draws.value_B, self.level)


def split(index: DatasetIndex, count: int) -> tuple[DatasetIndex, DatasetIndex]:
    """The samples to train on, and ``count`` that are not.

    Which ones depends on their names alone, so that a data set that grows keeps them. Raises DataError when nothing
    would be left to train on.
    """
    if count >= len(index.samples):
        raise DataError(
            f"{count} of {len(index.samples)} samples are to be held out: none is left to train on",
            where="validation.loss_holdout",
            hint="hold out fewer, or prepare other samples and name them in validation.loss_data_root",
        )
    chosen = {sample.name for sample in held_out(index.samples, count)}
    return (
        replace(index, samples=tuple(sample for sample in index.samples if sample.name not in chosen)),
        replace(index, samples=tuple(sample for sample in index.samples if sample.name in chosen)),
    )


def held_out(samples: Sequence[Sample], count: int) -> list[Sample]:
    """The samples that are held out."""
    return sorted(samples, key=lambda sample: seed_of("held out", sample.name))[:count]


def loss_index(config: ValidationConfig, index: DatasetIndex) -> tuple[DatasetIndex, DatasetIndex | None]:
    """What is trained on, and what the validation loss is measured on; None when it is not measured.

    Samples are held out whether or not the loss is measured, so that measuring changes nothing. Raises DataError for
    data that cannot be used.
    """
    trained, kept = split(index, config.loss_holdout) if config.loss_holdout else (index, None)
    if config.loss_interval is None:
        return trained, None
    if config.loss_data_root is not None:
        kept = DatasetIndex.build(config.loss_data_root, index.roles)
        kept.require_samples()
    return trained, kept


@dataclass(frozen=True)
class HeldOutLoss:
    """Measures a model on clips it does not learn from. Nothing is drawn that training draws."""

    clips: ClipDataset
    strategy: Strategy
    model: nn.Module
    accelerator: Accelerator
    seed: int

    def measure(self, between: Callable[[], None]) -> dict[str, float]:
        """``validation_loss``, ``validation_loss/video`` and so on, by modality and noise level.

        Captions are never dropped; conditions are drawn once and for all for each clip and level. ``between`` is
        called before each clip, and may raise.
        """
        losses = StepLosses()
        plain = replace(self.strategy, plan=replace(self.strategy.plan, caption_dropout=0.0))
        training = self.model.training
        self.model.eval()
        try:
            with torch.no_grad(), self.accelerator.autocast():
                for position in range(len(self.clips)):
                    between()
                    self._add(plain, position, losses)
        finally:
            self.model.train(training)
        metrics = loss_metrics(losses.rows().tolist(), plain.plan.generated)
        return {PREFIX + name: value for name, value in metrics.items()}

    def _add(self, plain: Strategy, position: int, losses: StepLosses) -> None:
        batch = batch_of([self.clips.clip(position)]).to(self.accelerator.device)
        name = self.clips.names[position]
        for level in LEVELS:

            def stream(slot: int, purpose: str, level: float = level) -> torch.Generator:
                return generator(self.seed, "validation loss", name, str(level), slot, purpose)

            step = replace(plain, sampler=FixedSigma(level)).prepare(batch, RandomDraws([0], stream))
            video = None if step.video is None else step.video.inputs
            audio = None if step.audio is None else step.audio.inputs
            losses.add(step, self.strategy.losses(step, *self.model(video, audio)))
