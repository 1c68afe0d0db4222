"""What has to be read and encoded for each condition of a sample."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from schemas.validation_conditions import (
    AudioToVideoSample,
    FirstFrameSample,
    MaskSample,
    PrefixSample,
    ReferenceSample,
    SuffixSample,
    ValidationCondition,
    targets,
)
from trainer.data.buckets import Bucket, kept_frames
from trainer.data.films import Pixels
from trainer.data.masks import audio_mask, video_mask
from trainer.data.pictures import ShortClipError, read_clip
from trainer.files.media import probe
from trainer.validation.encoding import ClipRequest, Request, SoundRequest

if TYPE_CHECKING:
    from trainer.files.checkpoint import VaeScale
    from trainer.validation.plan import SamplePlan


def request_of(condition: ValidationCondition, plan: SamplePlan, scale: VaeScale) -> Request:
    """The request whose latents the condition gives. Raises DataError for media that are unreadable or too short."""
    if targets(condition) == "audio":
        return _sound(condition, plan)
    path, size = _video(condition), plan.pixels
    match condition:
        case FirstFrameSample():
            return _frames(path, size, (0,))
        case PrefixSample():
            whole = _on_grid(probe(path).frames, scale) if condition.num_frames is None else condition.num_frames
            return _frames(path, size, tuple(range(whole)))
        case SuffixSample():
            return _ending(path, condition.num_frames, size, scale)
        case ReferenceSample():
            return _reference(condition, path, size, scale)
        case _:
            return _frames(path, size, tuple(range(size.frames)))


def mask_of(condition: MaskSample, plan: SamplePlan, scale: VaeScale) -> Tensor:
    """The mask ``[1, F, H, W]`` or ``[1, T]`` of a condition on the sample's latent grid, cut as its clip is."""
    path = Path(condition.mask)
    if targets(condition) == "audio":
        return audio_mask(path, plan.audio_steps, plan.seconds)[None]
    picture = probe(_video(condition))
    return video_mask(path, plan.pixels, (picture.width, picture.height), scale)[None]


def reference_pixels(request: ClipRequest) -> Pixels:
    """What a reference shows ``[T, H, W, 3]``, to be put beside the output."""
    pixels_CFHW = read_clip(request.path, request.size, request.indices).pixels_CFHW
    return (pixels_CFHW * 255).round().to(torch.uint8).permute(1, 2, 3, 0).contiguous().numpy()


def _video(condition: ValidationCondition) -> Path:
    if isinstance(condition, FirstFrameSample):
        return Path(condition.image_or_video)
    return Path(getattr(condition, "video"))  # noqa: B009 - every other condition on video has one


def _frames(path: Path, size: Bucket, indices: tuple[int, ...], keep_last: int | None = None) -> ClipRequest:
    return ClipRequest(path, Bucket(len(indices), size.height, size.width), indices, keep_last)


def _on_grid(frames: int, scale: VaeScale) -> int:
    """The most of ``frames`` that the VAE can encode."""
    return max((frames - 1) // scale.temporal, 0) * scale.temporal + 1


def _ending(path: Path, frames: int | None, size: Bucket, scale: VaeScale) -> ClipRequest:
    """The last frames of a clip, encoded with as many before them as the sample would hold: the encoder is causal."""
    count = probe(path).frames
    wanted = max(_on_grid(count, scale) - 1, scale.temporal) if frames is None else frames
    # The first frame of what is encoded stands alone, so the wanted ones need at least one before them.
    window = _on_grid(min(count, size.frames), scale)
    if window <= wanted:
        window = wanted + 1
    if window > count:
        raise ShortClipError(path, window, count)
    return _frames(path, size, tuple(range(count - window, count)), wanted // scale.temporal)


def _reference(condition: ReferenceSample, path: Path, size: Bucket, scale: VaeScale) -> ClipRequest:
    """A reference as ``prepare`` makes it; a clip shorter than the sample gives what it has on the latent grid."""
    every, factor = condition.temporal_scale_factor, condition.downscale_factor
    step = every * scale.temporal
    frames = max((min(probe(path).frames, size.frames) - 1) // step, 0) * step + 1
    reduced = Bucket(frames, size.height, size.width).reduced(factor, every, scale)
    return _frames(path, reduced, kept_frames(frames, every))


def _sound(condition: ValidationCondition, plan: SamplePlan) -> SoundRequest:
    path, size = Path(getattr(condition, "audio")), (plan.audio_steps, plan.seconds)  # noqa: B009
    match condition:
        case PrefixSample():
            return SoundRequest(path, "start", *size, condition.duration)
        case SuffixSample():
            return SoundRequest(path, "end", *size, condition.duration)
        case MaskSample():
            return SoundRequest(path, "fill", *size)
        case ReferenceSample() | AudioToVideoSample():
            return SoundRequest(path, "most", *size)
        case _:
            raise ValueError(f"{condition.type} is not about sound")
