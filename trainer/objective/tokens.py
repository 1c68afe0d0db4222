"""Latents to tokens and back. One token is one latent position; its channels are all that position holds."""

from __future__ import annotations

from torch import Tensor


def patchify_video(latents_BCFHW: Tensor) -> Tensor:
    """``[B, C, F, H, W]`` -> ``[B, F*H*W, C]``, column fastest, then row, then frame."""
    return latents_BCFHW.flatten(2).transpose(1, 2)


def unpatchify_video(tokens_BNC: Tensor, frames: int, height: int, width: int) -> Tensor:
    """``[B, F*H*W, C]`` -> ``[B, C, F, H, W]``; frames, height and width in latent units."""
    return tokens_BNC.transpose(1, 2).unflatten(2, (frames, height, width))


def patchify_audio(latents_BCTM: Tensor) -> Tensor:
    """``[B, C, T, M]`` -> ``[B, T, C*M]``, frequency bin fastest."""
    return latents_BCTM.transpose(1, 2).flatten(2)


def unpatchify_audio(tokens_BTK: Tensor, channels: int, bins: int) -> Tensor:
    """``[B, T, C*M]`` -> ``[B, C, T, M]``; K is C*M."""
    return tokens_BTK.unflatten(2, (channels, bins)).transpose(1, 2)
