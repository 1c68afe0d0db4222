"""Encoding and decoding of large clips in overlapping tiles, blended with linear ramps.

Each tile's ramp runs from 1 / (overlap + 1) up to 1 across an overlap; the weighted tiles are added up and divided by
the sum of the weights, so that any number of tiles may meet in a place.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import product
from typing import Final

import torch
from torch import Tensor

from trainer.files.checkpoint import VaeScale


@dataclass(frozen=True, slots=True)
class Tiles:
    """Tile size and overlap in pixels and frames of the video; ``frames`` None never cuts in time."""

    pixels: int
    pixel_overlap: int
    frames: int | None = None
    frame_overlap: int = 0


ENCODER_TILES: Final = Tiles(pixels=512, pixel_overlap=128)
DECODER_TILES: Final = Tiles(pixels=384, pixel_overlap=192, frames=48, frame_overlap=24)


@dataclass(frozen=True, slots=True)
class _Span:
    """A stretch of one axis in latent steps, with the latent steps it shares with its neighbours."""

    start: int
    stop: int
    lead: int
    tail: int


def encode_tiled(encode: Callable[[Tensor], Tensor], video: Tensor, tiles: Tiles, scale: VaeScale) -> Tensor:
    """Latents of ``video [B, 3, F, H, W]``; cut in height and width only."""
    size, overlap = tiles.pixels // scale.spatial, tiles.pixel_overlap // scale.spatial
    height, width = video.shape[3] // scale.spatial, video.shape[4] // scale.spatial
    rows, columns = list(_spans(height, size, overlap)), list(_spans(width, size, overlap))
    if len(rows) == len(columns) == 1:
        return encode(video)
    total: Tensor | None = None
    weights = torch.zeros(1, 1, 1, height, width, device=video.device)
    step = scale.spatial
    for row, column in product(rows, columns):
        piece = encode(video[..., row.start * step : row.stop * step, column.start * step : column.stop * step])
        if total is None:
            total = torch.zeros(*piece.shape[:3], height, width, device=piece.device)
        weight = _ramp(row, 1, video.device)[:, None] * _ramp(column, 1, video.device)
        place = (..., slice(row.start, row.stop), slice(column.start, column.stop))
        total[place] += piece * weight
        weights[place] += weight
    if total is None:
        raise ValueError("an empty clip has no tiles")
    return (total / weights).to(video.dtype)


def decode_tiled(decode: Callable[[Tensor], Tensor], latents: Tensor, tiles: Tiles, scale: VaeScale) -> Tensor:
    """Video of ``latents [B, C, F', H', W']``; cut in time, height and width.

    A tile that does not start the clip is decoded with one latent frame more before it, whose single video frame is
    dropped: only the first latent frame of a clip stands for one frame, all others for ``scale.temporal``.
    """
    frames, height, width = latents.shape[2:]
    size, overlap = tiles.pixels // scale.spatial, tiles.pixel_overlap // scale.spatial
    rows, columns = list(_spans(height, size, overlap)), list(_spans(width, size, overlap))
    length = frames if tiles.frames is None else max(tiles.frames // scale.temporal, 2)
    times = list(_spans(frames, length, tiles.frame_overlap // scale.temporal))
    if len(times) == len(rows) == len(columns) == 1:
        return decode(latents)
    step = scale.spatial
    shape = ((frames - 1) * scale.temporal + 1, height * step, width * step)
    total: Tensor | None = None
    weights = torch.zeros(1, 1, *shape, device=latents.device)
    for time, row, column in product(times, rows, columns):
        lead_in = 1 if time.start > 0 else 0
        cut = latents[:, :, time.start - lead_in : time.stop, row.start : row.stop, column.start : column.stop]
        piece = decode(cut)[:, :, lead_in:]
        if total is None:
            total = torch.zeros(*piece.shape[:2], *shape, device=latents.device)
        begin = 0 if time.start == 0 else (time.start - 1) * scale.temporal + 1
        ramp_F = _ramp(time, scale.temporal, latents.device)[-piece.shape[2] :]
        weight = ramp_F[:, None, None] * (
            _ramp(row, step, latents.device)[:, None] * _ramp(column, step, latents.device)
        )
        place = (
            ...,
            slice(begin, begin + piece.shape[2]),
            slice(row.start * step, row.stop * step),
            slice(column.start * step, column.stop * step),
        )
        total[place] += piece * weight
        weights[place] += weight
    if total is None:
        raise ValueError("an empty clip has no tiles")
    return (total / weights).to(latents.dtype)


def _spans(length: int, size: int, overlap: int) -> Iterator[_Span]:
    """Stretches of at most ``size`` steps that cover ``length`` and share ``overlap`` steps with the next."""
    if length <= size:
        yield _Span(0, length, 0, 0)
        return
    stride = size - overlap
    starts = list(range(0, length - overlap, stride))
    for index, start in enumerate(starts):
        stop = min(start + size, length)
        last = index == len(starts) - 1
        yield _Span(start, stop, 0 if index == 0 else overlap, 0 if last else overlap)


def _ramp(span: _Span, step: int, device: torch.device) -> Tensor:
    """Weights of a stretch in units of ``step`` per latent step: up over the lead, 1, down over the tail."""
    weights = torch.ones((span.stop - span.start) * step, device=device)
    if span.lead:
        edge = span.lead * step
        weights[:edge] = torch.linspace(0, 1, edge + 2, device=device)[1:-1]
    if span.tail:
        edge = span.tail * step
        weights[-edge:] = weights[-edge:] * torch.linspace(1, 0, edge + 2, device=device)[1:-1]
    return weights
