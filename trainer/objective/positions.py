"""Where each token stands: seconds and pixels, as the extent ``[start, end)`` it covers on every axis.

The first latent frame of a video holds one pixel frame, every later one holds ``scale.temporal`` of them. An audio
step holds four mel frames of 10 ms, the first one a single mel frame, because both encoders are causal.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor

if TYPE_CHECKING:
    from trainer.files.checkpoint import VaeScale

MEL_HOP, MEL_RATE = 160, 16000
"""Samples between two mel frames and samples per second: constants of the audio VAE."""
MELS_PER_STEP = 4


def video_positions(frames: int, height: int, width: int, fps_B: Tensor, scale: VaeScale) -> Tensor:
    """Positions ``[B, 3, F*H*W, 2]`` fp32 of a latent grid: seconds, pixel row, pixel column.

    ``frames``, ``height``, ``width`` are latent sizes; ``fps_B`` is the frame rate of each sample.
    """
    fps_B = fps_B.to(torch.float32)
    time_FE = _extents(frames, scale.temporal, fps_B.device)
    time_FE = (time_FE + (1 - scale.temporal)).clamp_min(0)
    rows_HE = _extents(height, scale.spatial, fps_B.device)
    columns_WE = _extents(width, scale.spatial, fps_B.device)
    shape = (frames, height, width, 2)
    grid_AFHWE = torch.stack(
        [
            time_FE[:, None, None].expand(shape),
            rows_HE[None, :, None].expand(shape),
            columns_WE[None, None].expand(shape),
        ]
    )
    positions_BANE = grid_AFHWE.flatten(1, 3).expand(fps_B.shape[0], -1, -1, -1).clone()
    positions_BANE[:, 0] /= fps_B[:, None, None]
    return positions_BANE


def audio_positions(steps: int, batch: int, device: torch.device | None = None) -> Tensor:
    """Positions ``[B, 1, T, 2]`` fp32 in seconds: 0-0.01, 0.01-0.05, 0.05-0.09 and so on."""
    edges = torch.arange(steps + 1, dtype=torch.float32, device=device) * MELS_PER_STEP
    # In this order of rounding: the highest rotary frequency turns the last bit of a position into 1e-4 of an output.
    edges = (edges + (1 - MELS_PER_STEP)).clamp_min(0) * MEL_HOP / MEL_RATE
    positions_TE = torch.stack([edges[:-1], edges[1:]], dim=1)
    return positions_TE.expand(batch, 1, -1, -1).clone()


def reference_positions(
    positions_BANE: Tensor, fps_B: Tensor, *, spatial_factor: int = 1, temporal_factor: int = 1
) -> Tensor:
    """Lay a reference video's own grid over the target.

    ``positions_BANE`` is the reference's grid at its own frame rate. A reference that is ``temporal_factor`` times
    sparser in time starts ``(temporal_factor - 1)`` target frames late, so it is moved to the front by as much; one
    that is ``spatial_factor`` times smaller is stretched over the target's pixels. ``fps_B`` is the target's rate.
    """
    moved = positions_BANE.clone()
    if temporal_factor != 1:
        late_B = (temporal_factor - 1) / fps_B.to(torch.float32)
        moved[:, 0] = (moved[:, 0] - late_B[:, None, None]).clamp_min(0)
    moved[:, 1:] *= spatial_factor
    return moved


def _extents(count: int, unit: int, device: torch.device) -> Tensor:
    """``[count, 2]`` fp32: where each of ``count`` cells of ``unit`` starts and ends."""
    edges = torch.arange(count + 1, dtype=torch.float32, device=device) * unit
    return torch.stack([edges[:-1], edges[1:]], dim=1)
