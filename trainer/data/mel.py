"""Log-mel spectrograms as the audio VAE expects them.

Values come from the checkpoint's ``audio_vae`` config: 16 kHz, 1024-point Hann window, hop 160, 64 slaney bins over
0..8000 Hz, magnitude (power 1), reflect padding at both ends, ``log(max(x, 1e-5))``.
Legend of shapes: B batch, 2 stereo channels, S samples, T mel frames, M mel bins.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import torch
from torch import Tensor
from transformers.audio_utils import mel_filter_bank

from schemas.errors import CheckpointError

FLOOR = 1e-5
"""Smallest magnitude before the logarithm."""


@dataclass(frozen=True, slots=True)
class MelSpec:
    """What the audio VAE was trained on."""

    sample_rate: int
    fft_size: int
    hop: int
    bins: int
    lowest: float
    highest: float
    """Hz."""

    @staticmethod
    def from_config(audio_vae: Mapping[str, Any]) -> MelSpec:
        """Read the ``audio_vae`` section of a checkpoint's config; a missing value is a CheckpointError."""
        try:
            rate = int(audio_vae["model"]["params"]["sampling_rate"])
            stages = audio_vae["preprocessing"]
            mel = stages["mel"]
            return MelSpec(
                sample_rate=rate,
                fft_size=int(stages["stft"]["filter_length"]),
                hop=int(stages["stft"]["hop_length"]),
                bins=int(mel["n_mel_channels"]),
                lowest=float(mel.get("mel_fmin", 0.0)),
                highest=float(mel.get("mel_fmax", rate / 2)),
            )
        except (KeyError, TypeError, ValueError) as error:
            raise CheckpointError(
                f"the audio VAE's config lacks or garbles {error}",
                where="config.audio_vae",
                why="sound cannot be turned into the spectrogram the VAE was trained on",
                hint="use the checkpoint as published",
            ) from error


@lru_cache(maxsize=4)
def _filters(spec: MelSpec) -> Tensor:
    bank = mel_filter_bank(
        num_frequency_bins=spec.fft_size // 2 + 1,
        num_mel_filters=spec.bins,
        min_frequency=spec.lowest,
        max_frequency=spec.highest,
        sampling_rate=spec.sample_rate,
        norm="slaney",
        mel_scale="slaney",
    )
    return torch.from_numpy(bank).to(torch.float64)


def log_mel(wave_B2S: Tensor, spec: MelSpec) -> Tensor:
    """Log-mel spectrogram [B,2,T,M] in float32 of a waveform at ``spec.sample_rate``; T = 1 + S // hop."""
    batch, channels, samples = wave_B2S.shape
    # Double precision: in single, rounding drowns quiet bins beside loud ones.
    flat = wave_B2S.reshape(batch * channels, samples).to(torch.float64)
    short = spec.fft_size // 2 + 1 - samples
    if short > 0:  # reflection needs more samples than it adds
        flat = torch.nn.functional.pad(flat, (0, short))
    spectrum = torch.stft(
        flat,
        n_fft=spec.fft_size,
        hop_length=spec.hop,
        window=torch.hann_window(spec.fft_size, dtype=torch.float64, device=flat.device),
        center=True,
        pad_mode="reflect",
        return_complex=True,
    )
    mel_BTM = spectrum.abs().transpose(1, 2) @ _filters(spec).to(flat.device)
    frames = 1 + samples // spec.hop
    return mel_BTM[:, :frames].clamp(min=FLOOR).log().reshape(batch, channels, frames, spec.bins).to(torch.float32)
