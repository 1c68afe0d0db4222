"""``--decode``: what was encoded, decoded again to look at: ``decoded_videos/``, ``decoded_reference_videos/``."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import torch

from trainer.data.dataset import load_sample_file
from trainer.data.encode_video import LATENTS, REFERENCES
from trainer.data.films import to_pixels, write_mp4, write_png
from trainer.data.phase import Workshop
from trainer.data.plan import Sample
from trainer.model.vae import VideoDecoder, load_video_decoder

DECODED = "decoded_videos"
FOLDERS = {LATENTS: DECODED, REFERENCES: "decoded_reference_videos"}


def decode_latents(shop: Workshop) -> None:
    """Decode all latents of this dataset; a still picture becomes a PNG, anything longer an MP4."""
    overwrite = shop.plan.options.overwrite
    todo = [
        (directory, sample)
        for directory in FOLDERS
        for sample in shop.plan.samples
        if shop.plan.output(directory, sample).exists() and (overwrite or not _made(shop, directory, sample))
    ]
    if not todo:
        return

    def work(decoder: VideoDecoder) -> None:
        for done, (directory, sample) in enumerate(todo, start=1):
            shop.attempt(sample, "decoding", partial(_decode, shop, decoder, directory, sample))
            shop.progress("decoding", done, len(todo))

    files = shop.plan.files
    shop.using("video decoder", lambda: load_video_decoder(files, dtype=shop.dtype, device=shop.device), work)


def _made(shop: Workshop, directory: str, sample: Sample) -> bool:
    return any(_target(shop, directory, sample, suffix).exists() for suffix in (".mp4", ".png"))


def _target(shop: Workshop, directory: str, sample: Sample, suffix: str) -> Path:
    return shop.plan.root / FOLDERS[directory] / f"{sample.name}{suffix}"


def _decode(shop: Workshop, decoder: VideoDecoder, directory: str, sample: Sample) -> None:
    table = load_sample_file(shop.plan.output(directory, sample))
    generator = torch.Generator(shop.device).manual_seed(0)
    video_CFHW = decoder.decode(table["latents"][None].to(shop.device), generator=generator)[0]
    frames_THWC = to_pixels(video_CFHW.float().cpu().numpy())
    path = _target(shop, directory, sample, ".mp4" if len(frames_THWC) > 1 else ".png")
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix == ".png":
        write_png(path, frames_THWC[0])
    else:
        write_mp4(path, frames_THWC, table["fps"])
    shop.report.written[FOLDERS[directory]] += 1
