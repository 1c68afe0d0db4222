"""Masks on the latent grid: 1 = given (kept clean), 0 = to be generated.

The video VAE keeps the first frame of a clip alone and then joins frames in groups (1..8, 9..16, ... at factor 8), so
the groups of a mask are these, and a latent is given when it was asked for in any frame of its group. Masks are scaled
and cut exactly as their video is. Legend of shapes: F frames, H height, W width (pixels or latents), T audio steps.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from schemas.errors import DataError
from trainer.data.buckets import Bucket, Framing
from trainer.data.pictures import Picture, ShortClipError, VideoReader, is_image, read_image, scale_and_crop, to_unit
from trainer.data.pt_files import load_any
from trainer.data.sound import fit, read_sound
from trainer.files.checkpoint import VaeScale

THRESHOLD = 0.5


def video_mask(path: Path, bucket: Bucket, video_size: tuple[int, int], scale: VaeScale) -> Tensor:
    """Mask [F,H,W] in latent units of a mask image or video for a clip of ``video_size`` (width, height).

    An image holds for all frames. Raises DataError when a mask video is shorter than the clip.
    """
    framing = Framing.centred(*video_size, bucket)
    if is_image(path):
        still = _grey(read_image(path), framing)
        return latent_mask(still.expand(bucket.frames, -1, -1), scale)
    frames: list[Tensor] = []
    reader = VideoReader(path)
    for picture in reader:
        frames.append(_grey(picture, framing))
        if len(frames) == bucket.frames:
            return latent_mask(torch.stack(frames), scale)
    raise ShortClipError(path, bucket.frames, reader.count)


def _grey(picture: Picture, framing: Framing) -> Tensor:
    """Mean of the colours [H,W], first stretched over the video's picture, then cut as it was."""
    return scale_and_crop(to_unit(picture).mean(dim=0, keepdim=True), framing, "bilinear")[0]


def latent_mask(mask_FHW: Tensor, scale: VaeScale) -> Tensor:
    """Pixel mask [F,H,W] to latent mask: mean over each square, maximum over each group of frames, over a half."""
    squares = torch.nn.functional.avg_pool2d(mask_FHW[:, None].to(torch.float32), scale.spatial)[:, 0]
    first, rest = squares[:1], squares[1:]
    groups = rest.unflatten(0, (-1, scale.temporal)).amax(dim=1) if len(rest) else rest
    return (torch.cat([first, groups]) > THRESHOLD).to(torch.float32)


def audio_mask(path: Path, steps: int, duration: float) -> Tensor:
    """Mask [T] from a ``.pt`` file (a tensor, or a table with ``mask``) or from a sound: loud = given.

    A sound is cut or filled with silence to ``duration`` seconds first, so that it lies on the clip.
    """
    if path.suffix == ".pt":
        values = _stored_mask(path)
    else:
        sound = read_sound(path, duration)
        if sound is None:
            raise DataError("holds no sound to make a mask from", where=path)
        wave = fit(sound.wave_CS, max(round(duration * sound.rate), 1))
        values = torch.from_numpy(np.abs(wave).mean(axis=0))
    nearest = torch.arange(steps) * len(values) // steps
    return (values[nearest] > THRESHOLD).to(torch.float32)


def _stored_mask(path: Path) -> Tensor:
    found = load_any(path)
    if isinstance(found, dict):
        found = found.get("mask", next(iter(found.values()), None))
    if not isinstance(found, Tensor) or not found.numel():
        raise DataError("holds no mask tensor", where=path, hint="store {'mask': tensor of 0 and 1}")
    return found.flatten().to(torch.float32)
