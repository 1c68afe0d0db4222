"""The loss on fixed draws, without training."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import torch

from trainer.files.checkpoint import TRANSFORMER_PREFIX
from trainer.files.headers import read_header
from trainer.loop.clips import batch_of
from trainer.loop.setup import Prepared, build_strategy, load_base, prepare, trainable
from trainer.loop.start import StartWeights, load_start_weights
from trainer.model.transformer import LtxTransformer
from trainer.objective.batch import RandomDraws
from trainer.objective.strategy import Strategy
from trainer.preflight.refusal import demand_sound_data
from trainer.seeds import sample_stream

if TYPE_CHECKING:
    from schemas import LtxTrainerConfig


def _quiet(*_: object) -> None:
    """Progress nobody asked for."""


@dataclass
class Measure:
    """A model, the clips and the draws it is measured on."""

    config: LtxTrainerConfig
    prepared: Prepared
    transformer: LtxTransformer
    strategy: Strategy
    draws: int

    @classmethod
    def build(cls, config: LtxTrainerConfig, draws: int) -> Measure:
        """Load the base model with adapters that change nothing yet. Raises WizardError when the data do not fit."""
        demand_sound_data(config)
        prepared = prepare(config, warn=_quiet, share=_quiet)
        transformer = load_base(config, prepared.files, prepared)
        trainable(transformer, config)
        strategy = build_strategy(config, prepared, transformer)
        # Dropped captions would only add noise to what is compared.
        strategy = replace(strategy, plan=replace(strategy.plan, caption_dropout=0.0))
        transformer = prepared.accelerator.prepare_model(transformer, evaluation_mode=True)
        return cls(config, prepared, transformer, strategy, draws)

    def load(self, weights: Path) -> None:
        """Put trained weights in."""
        mode = self.config.model.training_mode
        if mode == "full" and any(name.startswith(TRANSFORMER_PREFIX) for name in read_header(weights).tensors):
            files = replace(self.prepared.files, transformer=weights)
            trained = load_base(self.config, files, self.prepared)
            self.transformer.load_state_dict(trained.state_dict())
            return
        load_start_weights(self.transformer, StartWeights(weights, mode, replaces_model=False))

    def loss(self, seed: int) -> float:
        """Mean over all draws of ``seed``."""
        self.transformer.eval()
        stream = sample_stream(seed, 0, 0)
        losses = []
        clips, device = self.prepared.clips, self.prepared.accelerator.device
        with torch.no_grad():
            for draw in range(self.draws):
                batch = batch_of([clips.clip(draw % len(clips))]).to(device)
                step = self.strategy.prepare(batch, RandomDraws([draw], stream))
                inputs = [None if part is None else part.inputs for part in (step.video, step.audio)]
                losses.append(float(self.strategy.losses(step, *self.transformer(*inputs)).total()))
        return math.fsum(losses) / len(losses)
