"""Log-mel spectrograms against an independent computation in numpy, written from the definitions."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from schemas.errors import CheckpointError
from trainer.data.mel import MelSpec, log_mel
from trainer.demo.official_config import official_config

SPEC = MelSpec(sample_rate=16000, fft_size=1024, hop=160, bins=64, lowest=0.0, highest=8000.0)


def _slaney_scale(hertz: NDArray[np.float64]) -> NDArray[np.float64]:
    """Linear up to 1000 Hz (66 2/3 Hz a step), logarithmic above (27 steps to a factor of 6.4)."""
    above = 15 + 27 * np.log(np.maximum(hertz, 1e-9) / 1000) / np.log(6.4)
    return np.where(hertz < 1000, hertz * 3 / 200, above)


def _slaney_hertz(mel: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.where(mel < 15, mel * 200 / 3, 1000 * 6.4 ** ((mel - 15) / 27))


def _reference(wave: NDArray[np.float64]) -> NDArray[np.float64]:
    """[T,64] of one channel: reflect padding, Hann window, DFT by definition (matrix), triangles of area one."""
    padded = np.pad(wave, 512, mode="reflect")
    window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(1024) / 1024)
    frames = np.stack([padded[start : start + 1024] * window for start in range(0, len(padded) - 1023, 160)])
    k, n = np.arange(513), np.arange(1024)
    spectrum = np.abs(frames @ np.exp(-2j * np.pi * np.outer(n, k) / 1024))
    edges = _slaney_hertz(np.linspace(0, _slaney_scale(np.array([8000.0]))[0], 66))
    hertz = k * 16000 / 1024
    bank = np.zeros((513, 64))
    for band in range(64):
        low, middle, high = edges[band : band + 3]
        rise, fall = (hertz - low) / (middle - low), (high - hertz) / (high - middle)
        bank[:, band] = np.clip(np.minimum(rise, fall), 0, None) * 2 / (high - low)
    return np.log(np.maximum(spectrum @ bank, 1e-5))


@pytest.mark.parametrize("samples", [16000, 15999, 8113])
def test_equals_an_independent_computation(samples: int) -> None:
    generator = np.random.default_rng(0)
    time = np.arange(samples) / 16000
    sweep = 0.4 * np.sin(2 * np.pi * (100 + 3000 * time) * time)
    wave = np.stack([sweep, 0.1 * generator.standard_normal(samples)])
    found = log_mel(torch.from_numpy(wave)[None].float(), SPEC)
    expected = np.stack([_reference(channel) for channel in wave])
    assert found.shape == (1, 2, 1 + samples // 160, 64)
    assert np.abs(found[0].numpy() - expected).max() < 1e-3


def test_silence_is_the_floor() -> None:
    assert torch.allclose(log_mel(torch.zeros(1, 2, 1600), SPEC), torch.tensor(1e-5).log())


def test_a_sound_shorter_than_the_window_still_has_a_spectrum() -> None:
    found = log_mel(torch.ones(1, 2, 100), SPEC)
    assert found.shape == (1, 2, 1, 64)
    assert torch.isfinite(found).all()


def test_values_come_from_the_checkpoint() -> None:
    config = official_config("2.0")["audio_vae"]
    assert MelSpec.from_config(config) == SPEC
    other = {**config, "preprocessing": {**config["preprocessing"], "stft": {"filter_length": 512, "hop_length": 80}}}
    assert (MelSpec.from_config(other).fft_size, MelSpec.from_config(other).hop) == (512, 80)
    with pytest.raises(CheckpointError, match="audio VAE"):
        MelSpec.from_config({"model": config["model"]})
