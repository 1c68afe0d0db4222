"""What the transformer is given, one object per modality.

Shape legend, used in all of ``trainer.model``: B batch, N tokens of the modality, S text tokens, C latent channels,
D model width, A position axes (video: time, height, width; audio: time), E the two ends of an interval, H heads,
R rows of a modulation table, T either N (one value per token) or 1 (one value per sample).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

import torch
from torch import Tensor


@dataclass(frozen=True, slots=True)
class Modalities:
    """Which halves of the model are built and loaded."""

    video: bool = True
    audio: bool = True

    def __post_init__(self) -> None:
        if not (self.video or self.audio):
            raise ValueError("a model needs video, audio or both")


@dataclass(frozen=True, slots=True)
class ModalityInput:
    """Everything the transformer reads of one modality.

    ``sigma_B`` and ``timesteps_BN`` are noise levels in [0, 1], not multiplied by 1000, and stay fp32.
    """

    latent_BNC: Tensor
    """Noisy latent tokens, in the model's dtype."""
    sigma_B: Tensor
    """The modality's noise level; steers the prompt and the *other* modality's cross-attention gate."""
    timesteps_BN: Tensor
    """Noise level per token, 0 for clean tokens; ``[B, 1]`` when all tokens of a sample share it (less memory)."""
    positions_BANE: Tensor
    """fp32 ``[start, end)`` per axis: seconds first, then pixels for video."""
    context_BSD: Tensor
    """Text context after the connectors."""
    context_mask_BS: Tensor | None = None
    """1 = valid; None (the connectors fill every place) takes the faster attention path."""
    attention_mask_BNN: Tensor | None = None
    """Self-attention strength in [0, 1] from query (first) to key (second)."""
    keyframes_mask_BN1: Tensor | None = None
    """Positive where a token stands for a single frame; models without the embedding (2.0, 2.3) take no notice."""

    def to(self, device: torch.device | str, dtype: torch.dtype | None = None) -> ModalityInput:
        """On ``device``; ``dtype`` applies to latents and context only."""
        return replace(
            self,
            latent_BNC=self.latent_BNC.to(device=device, dtype=dtype),
            sigma_B=self.sigma_B.to(device),
            timesteps_BN=self.timesteps_BN.to(device),
            positions_BANE=self.positions_BANE.to(device),
            context_BSD=self.context_BSD.to(device=device, dtype=dtype),
            context_mask_BS=_moved(self.context_mask_BS, device),
            attention_mask_BNN=_moved(self.attention_mask_BNN, device),
            keyframes_mask_BN1=_moved(self.keyframes_mask_BN1, device),
        )


@dataclass(frozen=True, slots=True)
class Perturbation:
    """A deliberate weakening for guidance."""

    video_self_blocks: frozenset[int] = frozenset()
    """Blocks whose video self-attention passes the values through unmixed."""
    audio_self_blocks: frozenset[int] = frozenset()
    isolate: bool = False
    """No attention between video and audio, in all blocks."""


Perturbations = Perturbation | Sequence[Perturbation]
"""One for the whole batch, or one for each of its rows."""


def stacked(inputs: Sequence[ModalityInput]) -> ModalityInput:
    """Inputs of equal shapes one under the other, as rows of one batch."""

    def joined(name: str) -> Any:
        parts = [getattr(given, name) for given in inputs]
        return None if parts[0] is None else torch.cat(parts)

    return ModalityInput(**{field.name: joined(field.name) for field in fields(ModalityInput)})


def _moved(tensor: Tensor | None, device: torch.device | str) -> Tensor | None:
    return None if tensor is None else tensor.to(device)
