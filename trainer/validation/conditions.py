"""The state a validation sample starts from: what it is given lies in it clean, everything else is to be generated.

Whatever the order in which conditions are listed, the state is the same: cells that several of them give take their
content by kind (a mask's clip first, a region's over it, then a prefix, a suffix, and a first frame last), and
references stand behind the target in list order.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import torch
from torch import Tensor

from schemas.validation_conditions import MaskSample, ReferenceSample, SpatialCropSample, ValidationCondition
from trainer.files.given import MASK_THRESHOLD, Box, Grid, leading, rectangle, trailing
from trainer.objective.positions import audio_positions, reference_positions, video_positions
from trainer.objective.state import TokenState, audio_state, video_state
from trainer.objective.tokens import patchify_audio, patchify_video

if TYPE_CHECKING:
    from trainer.files.checkpoint import VaeScale

FROZEN_KINDS: Final = frozenset({"video_to_audio", "audio_to_video"})
"""Conditions that give a modality whole."""
_OVERLAY: Final = ("mask", "spatial_crop", "prefix", "suffix", "first_frame")


@dataclass(frozen=True, slots=True, eq=False)
class Given:
    """One condition of a sample, encoded; B is 1."""

    condition: ValidationCondition
    latents: Tensor
    """``[B, C, F, H, W]`` or ``[B, C, T, M]``: what is given, not more (for masks and regions the whole clip)."""
    mask: Tensor | None = None
    """Of a mask condition, ``[B, F, H, W]`` or ``[B, T]``: above 0.5 = given."""


@dataclass(frozen=True, slots=True)
class Start:
    """A modality before its noise."""

    state: TokenState
    frozen: bool
    """Given whole: it only conditions the other modality."""

    def noised(self, noise_BNC: Tensor) -> TokenState:
        """The state at noise level 1; ``noise_BNC`` covers the target tokens. A frozen one stays as it is."""
        if self.frozen:
            return self.state
        return self.state.noised(noise_BNC, noise_BNC.new_ones(noise_BNC.shape[0]))


def video_start(
    empty_BCFHW: Tensor, fps: float, scale: VaeScale, given: Sequence[Given], *, mark_keyframes: bool
) -> Start:
    """The video of a sample. ``empty_BCFHW`` is zero and has the target's shape; ``given`` are conditions on video.

    Raises ValueError when something given does not fit the target; sizes are checked with words long before.
    """
    frozen = _frozen(given)
    fps_B = torch.tensor([fps], dtype=torch.float64, device=empty_BCFHW.device)
    if frozen is not None and frozen.shape != empty_BCFHW.shape:
        raise ValueError(f"the given video is {tuple(frozen.shape)}, the sample {tuple(empty_BCFHW.shape)}")
    state = video_state(
        empty_BCFHW if frozen is None else frozen.to(empty_BCFHW), fps_B, scale, mark_keyframes=mark_keyframes
    )
    if frozen is not None:
        return Start(state.frozen(), frozen=True)
    for item in _overlaid(given):
        kept_BFHW, clean_BCFHW = _content(item, empty_BCFHW, tuple(empty_BCFHW.shape[2:]), scale.spatial)
        state = state.keep(kept_BFHW.flatten(1), patchify_video(clean_BCFHW))
    for item in given:
        if isinstance(item.condition, ReferenceSample):
            tokens_BNC = patchify_video(item.latents).to(empty_BCFHW)
            state = state.add_reference(tokens_BNC, _video_place(item, item.condition, fps_B, scale), "behind")
    return Start(state, frozen=False)


def audio_start(empty_BCTM: Tensor, given: Sequence[Given]) -> Start:
    """The sound of a sample. ``empty_BCTM`` is zero and has the target's shape, unless the sound is given whole:
    then the sample's sound is as long as what is given. Raises as ``video_start``."""
    frozen = _frozen(given)
    if frozen is not None:
        return Start(audio_state(frozen.to(empty_BCTM)).frozen(), frozen=True)
    state = audio_state(empty_BCTM)
    for item in _overlaid(given):
        kept_BT, clean_BCTM = _content(item, empty_BCTM, (empty_BCTM.shape[2],), 1)
        state = state.keep(kept_BT, patchify_audio(clean_BCTM))
    for item in given:
        if isinstance(item.condition, ReferenceSample):
            tokens_BNC = patchify_audio(item.latents).to(empty_BCTM)
            state = state.add_reference(
                tokens_BNC, audio_positions(tokens_BNC.shape[1], 1, empty_BCTM.device), "behind"
            )
    return Start(state, frozen=False)


def _frozen(given: Sequence[Given]) -> Tensor | None:
    return next((item.latents for item in given if item.condition.type in FROZEN_KINDS), None)


def _overlaid(given: Sequence[Given]) -> list[Given]:
    """Conditions on the target itself, later ones over earlier ones."""
    return sorted(
        (item for item in given if item.condition.type in _OVERLAY),
        key=lambda item: _OVERLAY.index(item.condition.type),
    )


def _content(item: Given, empty: Tensor, grid: Grid, spatial: int) -> tuple[Tensor, Tensor]:
    """Which cells are given ``[B, *grid]`` and latents of the target's shape that hold their content."""
    latents = item.latents.to(empty)
    if isinstance(item.condition, MaskSample):
        if item.mask is None or tuple(item.mask.shape[1:]) != grid or latents.shape != empty.shape:
            raise ValueError("a mask condition needs a mask and latents on the target's grid")
        return item.mask.to(empty.device) > MASK_THRESHOLD, latents
    box = _box(item, grid, spatial)
    kept = torch.zeros(1, *grid, dtype=torch.bool, device=empty.device)
    kept[(slice(None), *box)] = True
    if isinstance(item.condition, SpatialCropSample):
        if latents.shape != empty.shape:
            raise ValueError("a region needs latents of the whole clip")
        return kept, latents
    clean = empty.clone()
    clean[(slice(None), slice(None), *box)] = latents
    return kept, clean


def _box(item: Given, grid: Grid, spatial: int) -> Box:
    if isinstance(item.condition, SpatialCropSample):
        return rectangle(grid, item.condition.spatial_region, spatial)
    length = item.latents.shape[2]
    if length > grid[0]:
        raise ValueError(f"{length} latent steps are given of {grid[0]}")
    return trailing(grid, length) if item.condition.type == "suffix" else leading(grid, length)


def _video_place(item: Given, condition: ReferenceSample, fps_B: Tensor, scale: VaeScale) -> Tensor:
    """Where a reference's tokens stand: its own grid, laid over the target's seconds and pixels."""
    frames, height, width = item.latents.shape[2:]
    grid = video_positions(frames, height, width, fps_B / condition.temporal_scale_factor, scale)
    return reference_positions(
        grid, fps_B, spatial_factor=condition.downscale_factor, temporal_factor=condition.temporal_scale_factor
    )
