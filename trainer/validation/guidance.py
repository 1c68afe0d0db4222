"""Steering a sample: which extra forward passes are made, and how their predictions are combined."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

import torch
from torch import Tensor

from trainer.model.inputs import Perturbation

if TYPE_CHECKING:
    from schemas.validation import ValidationConfig

Pass = Literal["cond", "uncond", "perturbed", "isolated"]
"""cond: as asked. uncond: with the negative prompt. perturbed: weakened self-attention. isolated: no attention between
video and audio."""


@dataclass(frozen=True, slots=True)
class Scales:
    """Strengths for one modality; the defaults are off."""

    cfg: float = 1.0
    stg: float = 0.0
    modality: float = 1.0


OFF: Final = Scales()


@dataclass(frozen=True, slots=True)
class Guidance:
    """Strengths for both modalities."""

    video: Scales = OFF
    audio: Scales = OFF
    stg_blocks: frozenset[int] | None = frozenset()
    """Blocks weakened in the perturbed pass; None for all."""
    rescale: float = 0.0

    def reduced(self, *, video: bool, audio: bool, generates_video: bool, generates_audio: bool) -> Guidance:
        """What is left when a modality is absent or frozen: nothing steers a frozen one, and without the other
        modality there is nothing to isolate from."""

        def left(scales: Scales, generated: bool) -> Scales:
            if not generated:
                return OFF
            return scales if video and audio else Scales(scales.cfg, scales.stg)

        return Guidance(
            left(self.video, generates_video), left(self.audio, generates_audio), self.stg_blocks, self.rescale
        )

    def passes(self) -> tuple[Pass, ...]:
        """The forward passes of every step, in their order."""
        both = (self.video, self.audio)
        wanted: list[Pass] = ["cond"]
        if any(scales.cfg != 1 for scales in both):
            wanted.append("uncond")
        if any(scales.stg != 0 for scales in both):
            wanted.append("perturbed")
        if any(scales.modality != 1 for scales in both):
            wanted.append("isolated")
        return tuple(wanted)

    def perturbation(self, name: Pass, block_count: int) -> Perturbation | None:
        """What is weakened in pass ``name`` of a transformer of ``block_count`` blocks."""
        if name == "isolated":
            return Perturbation(isolate=True)
        if name != "perturbed":
            return None
        blocks = frozenset(range(block_count)) if self.stg_blocks is None else self.stg_blocks
        nothing: frozenset[int] = frozenset()
        return Perturbation(
            video_self_blocks=blocks if self.video.stg != 0 else nothing,
            audio_self_blocks=blocks if self.audio.stg != 0 else nothing,
        )


def from_config(config: ValidationConfig) -> Guidance:
    """The guidance that ``validation`` asks for."""
    return Guidance(
        video=Scales(config.video_cfg_scale, config.video_stg_scale, config.video_modality_guidance_scale),
        audio=Scales(config.audio_cfg_scale, config.audio_stg_scale, config.audio_modality_guidance_scale),
        stg_blocks=None if config.stg_blocks is None else frozenset(config.stg_blocks),
        rescale=config.guidance_rescale,
    )


def combine(x0: Mapping[Pass, Tensor], scales: Scales, rescale: float) -> Tensor:
    """The guided clean prediction, fp32, from those of the passes (all of one shape; ``cond`` must be there).

    c + (cfg - 1)(c - u) + stg (c - p) + (modality - 1)(c - m), then drawn back towards the spread of c:
    times ``rescale * std(c) / std(guided) + 1 - rescale``, over the whole tensor, kept tokens included.
    """
    cond = x0["cond"].float()
    guided = cond
    strengths: tuple[tuple[Pass, float], ...] = (
        ("uncond", scales.cfg - 1),
        ("perturbed", scales.stg),
        ("isolated", scales.modality - 1),
    )
    for name, strength in strengths:
        if strength != 0:
            guided = guided + strength * (cond - x0[name].float())
    if rescale == 0 or guided is cond:
        return guided
    factor = rescale * cond.std() / guided.std() + (1 - rescale)
    # A prediction without any spread has nothing to be drawn back.
    return guided * torch.where(factor.isfinite(), factor, 1.0)
