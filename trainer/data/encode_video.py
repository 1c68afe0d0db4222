"""Videos, references and video masks to ``latents/``, ``reference_latents/`` and ``video_masks/``.

Legend of shapes: B batch, C colours or channels, F frames, H height, W width.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path

import torch
from torch import Tensor

from schemas.errors import DataError
from trainer.data.buckets import Bucket, choose_bucket, kept_frames
from trainer.data.masks import video_mask
from trainer.data.phase import Workshop
from trainer.data.pictures import Clip, ShortClipError, read_clip
from trainer.data.plan import Plan, Sample, too_short
from trainer.data.pt_files import Content, load_pt
from trainer.model.tiling import ENCODER_TILES
from trainer.model.vae import VideoEncoder, load_video_encoder

LATENTS, REFERENCES, MASKS = "latents", "reference_latents", "video_masks"


def encode_videos(shop: Workshop) -> None:
    """Encode the missing latents of videos and images."""
    todo = shop.pending(LATENTS, shop.plan.samples)
    _encode_all(shop, "videos", LATENTS, todo, lambda sample: _read_target(shop.plan, sample))


def encode_references(shop: Workshop) -> None:
    """Encode the missing reference latents, at the target's size divided by the reference factors."""
    todo = shop.pending(REFERENCES, _with_latents(shop.plan))
    _encode_all(shop, "references", REFERENCES, todo, lambda sample: _read_reference(shop.plan, sample))


def make_video_masks(shop: Workshop) -> None:
    """Write the missing video masks, cut as their videos are."""
    todo = shop.pending(MASKS, _with_latents(shop.plan))
    for done, sample in enumerate(todo, start=1):
        shop.attempt(sample, "video masks", partial(_make_mask, shop, sample))
        shop.progress("video masks", done, len(todo))


def target_bucket(plan: Plan, sample: Sample) -> tuple[Bucket, float]:
    """Size in pixels and frame rate of a sample, from its latents: they say what was really encoded."""
    found = load_pt(plan.output(LATENTS, sample))
    try:
        frames, height, width = (int(found[key]) for key in ("num_frames", "height", "width"))
        fps = float(found["fps"])
    except (KeyError, TypeError, ValueError) as error:
        raise DataError(
            f"lacks or garbles {error}", where=plan.output(LATENTS, sample), hint="prepare with --overwrite"
        ) from error
    scale = plan.scale
    return Bucket((frames - 1) * scale.temporal + 1, height * scale.spatial, width * scale.spatial), fps


def _with_latents(plan: Plan) -> list[Sample]:
    """Samples whose video was encoded; the others have been reported already."""
    return [sample for sample in plan.samples if plan.output(LATENTS, sample).exists()]


def _read_target(plan: Plan, sample: Sample) -> Clip:
    """Decode a sample's video into its bucket, or a shorter one when frames turn out to be missing."""
    path, info = sample.media["video"], plan.sizes[sample.name]
    try:
        return read_clip(path, plan.chosen[sample.name])
    except ShortClipError as error:
        bucket = choose_bucket(plan.buckets, info.width, info.height, error.found)
        if bucket is None:
            raise DataError(too_short(error.found, plan.buckets), where=path) from error
        return read_clip(path, bucket)


def _read_reference(plan: Plan, sample: Sample) -> Clip:
    target, _ = target_bucket(plan, sample)
    temporal = plan.options.reference_temporal_scale_factor
    bucket = target.reduced(plan.options.reference_downscale_factor, temporal, plan.scale)
    clip = read_clip(sample.media["reference_video"], bucket, kept_frames(target.frames, temporal))
    return Clip(clip.pixels_CFHW, clip.fps / temporal, clip.notes)


def _encode_all(
    shop: Workshop, phase: str, directory: str, todo: Sequence[Sample], read: Callable[[Sample], Clip]
) -> None:
    if not todo:
        return

    def work(encoder: VideoEncoder) -> None:
        done = 0
        for batch in _batches(shop, todo):
            _encode_batch(shop, encoder, phase, directory, batch, read)
            done += len(batch)
            shop.progress(phase, done, len(todo))

    files = shop.plan.files
    shop.using("video encoder", lambda: load_video_encoder(files, dtype=shop.dtype, device=shop.device), work)


def _encode_batch(
    shop: Workshop,
    encoder: VideoEncoder,
    phase: str,
    directory: str,
    batch: Sequence[Sample],
    read: Callable[[Sample], Clip],
) -> None:
    clips = {}
    for sample in batch:
        clip = shop.attempt(sample, phase, partial(read, sample))
        if clip is not None:
            clips[sample] = clip
    tiles = ENCODER_TILES if shop.plan.options.vae_tiling else None
    for group in _same_size(clips):
        video_BCFHW = torch.stack([clips[sample].pixels_CFHW for sample in group]) * 2 - 1
        latents_BCFHW = encoder.encode(video_BCFHW.to(shop.device), tiles=tiles)
        for sample, latents in zip(group, latents_BCFHW, strict=True):
            _save(shop, phase, directory, sample, clips[sample], latents)


def _batches(shop: Workshop, todo: Sequence[Sample]) -> Iterator[list[Sample]]:
    """Chunks of ``--batch-size`` samples that share a bucket."""
    by_bucket: dict[Bucket, list[Sample]] = defaultdict(list)
    for sample in todo:
        by_bucket[shop.plan.chosen[sample.name]].append(sample)
    size = shop.plan.options.batch_size
    for samples in by_bucket.values():
        for start in range(0, len(samples), size):
            yield samples[start : start + size]


def _same_size(clips: dict[Sample, Clip]) -> list[list[Sample]]:
    groups: dict[torch.Size, list[Sample]] = defaultdict(list)
    for sample, clip in clips.items():
        groups[clip.pixels_CFHW.shape].append(sample)
    return list(groups.values())


def _save(shop: Workshop, phase: str, directory: str, sample: Sample, clip: Clip, latents_CFHW: Tensor) -> None:
    frames, height, width = latents_CFHW.shape[1:]
    content: Content = {
        "latents": latents_CFHW.to(torch.bfloat16),
        "num_frames": frames,
        "height": height,
        "width": width,
        # An image is one frame of a video at the rate the user trains with.
        "fps": clip.fps or float(shop.plan.options.image_fps),
    }
    shop.attempt(sample, phase, lambda: shop.save(directory, sample, content))
    for note in clip.notes:
        shop.note(sample, phase, note)


def _make_mask(shop: Workshop, sample: Sample) -> None:
    bucket, _ = target_bucket(shop.plan, sample)
    info = shop.plan.sizes[sample.name]
    path: Path = sample.media["video_mask"]
    shop.save(MASKS, sample, {"mask": video_mask(path, bucket, (info.width, info.height), shop.plan.scale)})
