"""Latents to pictures and sound: one network at a time, loaded when it is needed, dropped after its last use."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from trainer.data.films import Pixels, Wave, to_pixels
from trainer.files.checkpoint import ModelFiles
from trainer.model.audio import load_audio_decoder, load_vocoder
from trainer.model.vae import load_video_decoder
from trainer.validation.entries import free_memory


@dataclass(frozen=True, slots=True)
class Latents:
    """One denoised sample, on the CPU."""

    video_BCFHW: Tensor | None
    audio_BCTM: Tensor | None


@dataclass(frozen=True, slots=True)
class Decoded:
    """One sample as people see and hear it."""

    frames_THWC: Pixels | None
    sound_AS: Wave | None
    rate: int
    """Of the sound, in Hz."""


def _nothing() -> None:
    """Nobody wants to know."""


def decode(
    files: ModelFiles,
    latents: Sequence[Latents],
    seeds: Sequence[int],
    *,
    device: torch.device,
    between: Callable[[], None] = _nothing,
) -> list[Decoded]:
    """Decode all samples with the video decoder, then all with the audio decoder, then all with the vocoder.

    ``seeds`` are for the 2.5 decoder, which draws noise. Video is decoded in bf16 on a card, as prepared clips are
    encoded; sound in fp32: it costs little and keeps hiss away. ``between`` is called before each video, and may raise.
    """
    dtype = torch.bfloat16 if device.type == "cuda" else torch.float32
    with torch.autocast(device.type, enabled=False), torch.no_grad():
        videos = _videos(files, latents, seeds, device, dtype, between)
        sounds, rate = _sounds(files, latents, device)
    return [Decoded(video, sound, rate) for video, sound in zip(videos, sounds, strict=True)]


def _videos(
    files: ModelFiles,
    latents: Sequence[Latents],
    seeds: Sequence[int],
    device: torch.device,
    dtype: torch.dtype,
    between: Callable[[], None],
) -> list[Pixels | None]:
    if all(item.video_BCFHW is None for item in latents):
        return [None] * len(latents)
    decoder = load_video_decoder(files, dtype=dtype, device=device)
    videos: list[Pixels | None] = []
    for item, seed in zip(latents, seeds, strict=True):
        if item.video_BCFHW is None:
            videos.append(None)
            continue
        between()
        generator = torch.Generator().manual_seed(seed)
        video_BCFHW = decoder.decode(item.video_BCFHW.to(device), generator=generator)
        videos.append(to_pixels(video_BCFHW[0].float().cpu().numpy()))
    del decoder
    free_memory(device)
    return videos


def _sounds(files: ModelFiles, latents: Sequence[Latents], device: torch.device) -> tuple[list[Wave | None], int]:
    if all(item.audio_BCTM is None for item in latents):
        return [None] * len(latents), 0
    decoder = load_audio_decoder(files, dtype=torch.float32, device=device)
    mels = [None if item.audio_BCTM is None else decoder.decode(item.audio_BCTM.to(device)) for item in latents]
    del decoder
    free_memory(device)
    vocoder = load_vocoder(files, device=device)
    sounds = [None if mel is None else vocoder(mel)[0].float().cpu().numpy() for mel in mels]
    rate = vocoder.sample_rate
    del vocoder
    free_memory(device)
    return sounds, rate
