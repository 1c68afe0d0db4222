"""The one builder of what the transformer reads: tokens, positions, masks, noise levels.

Training and validation both go through it. A state starts from clean latents (training) or zeros (validation),
conditions are laid over it, references are put beside it, and noise is added last:

    training     video_state(latents) -> keep(...) -> add_reference(...) -> noised(noise, sigma) -> as_input(sigma)
    validation   video_state(zeros)   -> keep(...) -> add_reference(...) -> noised(noise, 1)     -> as_input(sigma)
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

import torch
from torch import Tensor

from trainer.model.inputs import ModalityInput
from trainer.objective.positions import audio_positions, video_positions
from trainer.objective.tokens import patchify_audio, patchify_video

if TYPE_CHECKING:
    from trainer.files.checkpoint import VaeScale

Place = Literal["front", "behind"]
"""Where a reference's tokens go. Attention does not care; stored results do."""


@dataclass(frozen=True, slots=True)
class TokenState:
    """Tokens of one modality with all that the transformer and the loss need to know about them."""

    tokens: Tensor
    """``[B, N, C]`` fp32: what the transformer reads."""
    clean: Tensor
    """``[B, N, C]`` fp32: what a kept token holds; in training the latents, in validation 0 where nothing is kept."""
    denoise_mask: Tensor
    """``[B, N, 1]`` fp32: 1 = generated, 0 = kept as it is."""
    positions: Tensor
    """``[B, A, N, 2]`` fp32: seconds and pixels, ``[start, end)``."""
    keyframes_mask: Tensor | None
    """``[B, N, 1]`` fp32: 1 on the first latent frame of the target; None when keyframes are not marked."""
    first: int
    """Index of the first target token."""
    count: int
    """Number of target tokens; the others are references."""
    mixed: bool = False
    """Whether tokens of one sample may differ in being generated or kept."""

    @property
    def target(self) -> slice:
        """The target tokens among all tokens."""
        return slice(self.first, self.first + self.count)

    def keep(self, mask_BN: Tensor, clean_BNC: Tensor | None = None) -> TokenState:
        """Keep the target tokens where ``mask_BN`` is true, with ``clean_BNC`` as their content if given.

        Several calls add up. Shapes cover the target tokens only.
        """
        kept_BN1 = mask_BN.unsqueeze(-1)
        mask = self.denoise_mask.clone()
        mask[:, self.target] = torch.where(kept_BN1, torch.zeros_like(mask[:, self.target]), mask[:, self.target])
        clean = self.clean
        if clean_BNC is not None:
            clean = clean.clone()
            clean[:, self.target] = torch.where(kept_BN1, clean_BNC.to(clean.dtype), clean[:, self.target])
        return replace(self, denoise_mask=mask, clean=clean, mixed=True)

    def frozen(self) -> TokenState:
        """Keep every token: the modality only conditions the other one."""
        return replace(self, denoise_mask=torch.zeros_like(self.denoise_mask))

    def add_reference(self, tokens_BRC: Tensor, positions_BARE: Tensor, place: Place) -> TokenState:
        """Put clean reference tokens before or after all present ones; they are never generated nor marked."""
        tokens_BRC = tokens_BRC.to(self.tokens.dtype)
        added = tokens_BRC.shape[1]
        zeros_BR1 = tokens_BRC.new_zeros(tokens_BRC.shape[0], added, 1)

        def joined(old: Tensor, new: Tensor, dim: int) -> Tensor:
            return torch.cat([new, old] if place == "front" else [old, new], dim)

        marks = self.keyframes_mask
        return TokenState(
            tokens=joined(self.tokens, tokens_BRC, 1),
            clean=joined(self.clean, tokens_BRC, 1),
            denoise_mask=joined(self.denoise_mask, zeros_BR1, 1),
            positions=joined(self.positions, positions_BARE.to(self.positions.dtype), 2),
            keyframes_mask=None if marks is None else joined(marks, zeros_BR1, 1),
            first=self.first + (added if place == "front" else 0),
            count=self.count,
            mixed=True,
        )

    def noised(self, noise_BNC: Tensor, sigma_B: Tensor) -> TokenState:
        """Mix noise into the generated tokens: ``(1 - sigma) * clean + sigma * noise``.

        ``noise_BNC`` covers the target tokens; ``sigma_B`` is one level per sample, 1 for pure noise.
        """
        sigma_B11 = sigma_B.to(self.clean.dtype)[:, None, None]
        clean_BNC = self.clean[:, self.target]
        mixed_BNC = (1 - sigma_B11) * clean_BNC + sigma_B11 * noise_BNC.to(clean_BNC.dtype)
        tokens = self.clean.clone()
        tokens[:, self.target] = torch.where(self.denoise_mask[:, self.target] > 0, mixed_BNC, clean_BNC)
        return replace(self, tokens=tokens)

    def as_input(self, sigma_B: Tensor, context_BSD: Tensor, context_mask_BS: Tensor | None = None) -> ModalityInput:
        """What the transformer takes, at noise level ``sigma_B`` (0 for a frozen modality).

        A level per token is made only where tokens differ: one per sample gives the same numbers, in less memory.
        """
        sigma_B = sigma_B.to(torch.float32)
        generated_BN = self.denoise_mask.squeeze(-1)
        return ModalityInput(
            latent_BNC=self.tokens,
            sigma_B=sigma_B,
            timesteps_BN=(generated_BN if self.mixed else generated_BN[:, :1]) * sigma_B[:, None],
            positions_BANE=self.positions,
            context_BSD=context_BSD,
            context_mask_BS=context_mask_BS,
            attention_mask_BNN=None,
            keyframes_mask_BN1=self.keyframes_mask,
        )


def video_state(latents_BCFHW: Tensor, fps_B: Tensor, scale: VaeScale, *, mark_keyframes: bool) -> TokenState:
    """A video to be generated whole. ``fps_B`` in frames per second; ``mark_keyframes`` for the 2.5 family."""
    frames, height, width = latents_BCFHW.shape[2:]
    marks = None
    tokens_BNC = patchify_video(latents_BCFHW).to(torch.float32)
    if mark_keyframes:
        marks = tokens_BNC.new_zeros(*tokens_BNC.shape[:2], 1)
        marks[:, : height * width] = 1
    positions = video_positions(frames, height, width, fps_B.to(tokens_BNC.device), scale)
    return _state(tokens_BNC, positions, marks)


def audio_state(latents_BCTM: Tensor) -> TokenState:
    """A sound to be generated whole."""
    tokens_BNC = patchify_audio(latents_BCTM).to(torch.float32)
    batch, steps = tokens_BNC.shape[:2]
    return _state(tokens_BNC, audio_positions(steps, batch, tokens_BNC.device), None)


def _state(tokens_BNC: Tensor, positions_BANE: Tensor, keyframes_mask_BN1: Tensor | None) -> TokenState:
    return TokenState(
        tokens=tokens_BNC,
        clean=tokens_BNC,
        denoise_mask=tokens_BNC.new_ones(*tokens_BNC.shape[:2], 1),
        positions=positions_BANE,
        keyframes_mask=keyframes_mask_BN1,
        first=0,
        count=tokens_BNC.shape[1],
    )
