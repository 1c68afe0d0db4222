"""From a batch and its draws to the transformer's inputs, and from its outputs to the loss."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from trainer.files.references import ReferenceFactors
from trainer.objective.batch import Batch, Draws, ModalityName, TextContext
from trainer.objective.conditions import kept_tokens, with_references
from trainer.objective.loss import velocity_loss
from trainer.objective.sigma import SigmaSampler
from trainer.objective.state import TokenState, audio_state, video_state

if TYPE_CHECKING:
    from schemas.conditions import TrainingCondition
    from schemas.strategy import FlexibleStrategyConfig
    from trainer.files.checkpoint import VaeScale
    from trainer.model.inputs import ModalityInput

MODALITIES: tuple[ModalityName, ModalityName] = ("video", "audio")


@dataclass(frozen=True, slots=True)
class ModalityPlan:
    """What a run does with one modality."""

    generated: bool
    """True: it is noised and learnt. False: it stands clean beside the other one and is not in the loss."""
    conditions: tuple[TrainingCondition, ...] = ()
    loss_weight: float = 1.0


@dataclass(frozen=True, slots=True)
class StrategyPlan:
    """What a run does with both; None for a modality that takes no part."""

    video: ModalityPlan | None
    audio: ModalityPlan | None
    shared_sigma: bool = False
    """The older ``text_to_video`` strategy gives both modalities the video's noise level."""
    caption_dropout: float = 0.0
    """Share of samples that read the empty caption instead of their own."""

    def of(self, modality: ModalityName) -> ModalityPlan | None:
        """The plan of one modality."""
        return self.video if modality == "video" else self.audio

    @property
    def generated(self) -> tuple[ModalityName, ...]:
        """Modalities in the loss."""
        return tuple(name for name in MODALITIES if (plan := self.of(name)) is not None and plan.generated)


@dataclass(frozen=True, slots=True)
class ModalityStep:
    """One modality of one training step."""

    state: TokenState
    inputs: ModalityInput
    sigma_B: Tensor
    target_BNC: Tensor | None
    """Velocity to be learnt, target tokens only; None for a frozen modality."""


@dataclass(frozen=True, slots=True)
class TrainingStep:
    """What goes into the transformer for one batch, and what must come out."""

    video: ModalityStep | None
    audio: ModalityStep | None

    def of(self, modality: ModalityName) -> ModalityStep | None:
        """One modality of the step."""
        return self.video if modality == "video" else self.audio

    @property
    def tokens(self) -> int:
        """Tokens read by the transformer, over both modalities and the whole batch."""
        parts = (step for step in (self.video, self.audio) if step is not None)
        return sum(step.state.tokens.shape[0] * step.state.tokens.shape[1] for step in parts)


@dataclass(frozen=True, slots=True)
class Losses:
    """Loss of each sample ``[B]``, by modality; None where a modality is not learnt."""

    video_B: Tensor | None
    audio_B: Tensor | None
    video_weight: float = 1.0
    audio_weight: float = 1.0

    def of(self, modality: ModalityName) -> Tensor | None:
        """Loss of one modality."""
        return self.video_B if modality == "video" else self.audio_B

    def total(self) -> Tensor:
        """Weighted sum ``[B]`` over the modalities."""
        pairs = ((self.video_B, self.video_weight), (self.audio_B, self.audio_weight))
        return torch.stack([loss_B * weight for loss_B, weight in pairs if loss_B is not None]).sum(dim=0)


@dataclass(frozen=True, slots=True)
class Strategy:
    """Builds training steps for one plan and scores what the transformer makes of them."""

    plan: StrategyPlan
    sampler: SigmaSampler
    scale: VaeScale
    mark_keyframes: bool
    """Mark the first latent frame of the target, as validation does; only 2.5 networks read the mark."""
    factors: Mapping[str, ReferenceFactors] = field(default_factory=dict)
    """Of the video references, by role."""
    empty_caption: TextContext | None = None
    """Context of the empty caption, ``[1, S, D]``; needed with caption dropout."""

    def prepare(self, batch: Batch, draws: Draws) -> TrainingStep:
        """Noise the batch and lay the conditions over it; no draw depends on another one.

        Raises DataError when the drawn conditions leave nothing of a sample to learn.
        """
        batch = self._with_dropped_captions(batch, draws)
        video = self._step("video", batch, draws, None) if self.plan.video else None
        sigma_B = video.sigma_B if video is not None and self.plan.shared_sigma else None
        audio = self._step("audio", batch, draws, sigma_B) if self.plan.audio else None
        return TrainingStep(video, audio)

    def losses(self, step: TrainingStep, video_BNC: Tensor | None, audio_BNC: Tensor | None) -> Losses:
        """Score the predicted velocities (all tokens, references included) of a step."""
        weights = [plan.loss_weight if plan else 1.0 for plan in (self.plan.video, self.plan.audio)]
        return Losses(_score(step.video, video_BNC), _score(step.audio, audio_BNC), *weights)

    def _with_dropped_captions(self, batch: Batch, draws: Draws) -> Batch:
        if not self.plan.caption_dropout:
            return batch
        assert self.empty_caption is not None
        dropped_B = draws.caption() < self.plan.caption_dropout
        return replace(batch, context=batch.context.replaced(dropped_B, self.empty_caption))

    def _step(self, modality: ModalityName, batch: Batch, draws: Draws, sigma_B: Tensor | None) -> ModalityStep:
        plan = self.plan.of(modality)
        assert plan is not None
        state = self._state(modality, batch)
        device = state.clean.device
        noise_BNC = target_BNC = None
        if not plan.generated:
            # Whatever else is given of it makes no difference: it is given whole.
            state = state.frozen()
            sigma_B = torch.zeros(batch.size, device=device)
        else:
            if sigma_B is None:
                sigma_B = self.sampler(draws.sigma(modality), state.count).to(device)
            noise_BNC = draws.noise(modality, state.count, state.clean.shape[2]).to(device)
            target_BNC = noise_BNC - state.clean
            kept_BN = kept_tokens(modality, plan.conditions, batch, draws, self.scale.spatial)
            if kept_BN is not None:
                state = state.keep(kept_BN.to(device, non_blocking=True))
        state = with_references(state, modality, plan.conditions, batch, draws, self.scale, self.factors)
        if noise_BNC is not None:
            state = state.noised(noise_BNC, sigma_B)
        inputs = state.as_input(sigma_B, batch.context.of(modality), batch.context.mask_BS)
        return ModalityStep(state, inputs, sigma_B, target_BNC)

    def _state(self, modality: ModalityName, batch: Batch) -> TokenState:
        if modality == "audio":
            assert batch.audio_BCTM is not None
            return audio_state(batch.audio_BCTM)
        assert batch.video_BCFHW is not None
        assert batch.fps_B is not None
        return video_state(batch.video_BCFHW, batch.fps_B, self.scale, mark_keyframes=self.mark_keyframes)


def _score(step: ModalityStep | None, prediction_BNC: Tensor | None) -> Tensor | None:
    if step is None or step.target_BNC is None:
        return None
    assert prediction_BNC is not None
    target = step.state.target
    counted_BN = step.state.denoise_mask[:, target].squeeze(-1) > 0
    return velocity_loss(prediction_BNC[:, target], step.target_BNC, counted_BN)


def plan_of(strategy: FlexibleStrategyConfig) -> StrategyPlan:
    """What a configured strategy asks for."""
    plans = {
        modality: None
        if settings is None
        else ModalityPlan(settings.is_generated, tuple(settings.conditions), settings.loss_weight)
        for modality, settings in (("video", strategy.video), ("audio", strategy.audio))
    }
    return StrategyPlan(
        plans["video"],
        plans["audio"],
        shared_sigma=strategy.shared_sigma,
        caption_dropout=strategy.caption_dropout,
    )
