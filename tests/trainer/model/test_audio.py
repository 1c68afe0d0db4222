from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import nn

from schemas.errors import CheckpointError
from tests.goldens.tiny_io import GoldenIo, model_files
from tests.trainer.model.conftest import Change
from trainer.model.audio import audio_latent_shape, load_audio_decoder, load_audio_encoder, load_vocoder

Changed = Callable[[str, Change], Path]


def test_shapes_come_from_the_checkpoint(golden: GoldenIo) -> None:
    shape = audio_latent_shape(golden.files)
    assert (shape.channels, shape.bins, shape.mel_bins) == (1, 16, 64)
    assert (shape.sample_rate, shape.hop_length, shape.n_fft, shape.time_compression) == (16000, 160, 1024, 4)
    latents = load_audio_encoder(golden.files).encode(torch.randn(2, 2, 33, 64))
    assert latents.shape == (2, 1, 9, 16)
    assert load_audio_decoder(golden.files).decode(latents).shape == (2, 2, 33, 64)


def test_statistics_are_per_channel_and_bin(golden: GoldenIo) -> None:
    encoder = load_audio_encoder(golden.files)
    mel = golden.inputs["audio_vae.mel"]
    plain = encoder.encode(mel)
    encoder.latents_mean[3] += 1
    moved = encoder.encode(mel)
    expected = plain.clone()
    expected[:, 0, :, 3] -= 1 / encoder.latents_std[3]
    torch.testing.assert_close(moved, expected, rtol=0, atol=1e-5)


def test_the_vocoder_stays_in_fp32(golden: GoldenIo) -> None:
    vocoder = load_vocoder(golden.files)
    assert {value.dtype for value in vocoder.state_dict().values()} == {torch.float32}
    mel = golden.inputs["vocoder.mel"]
    with torch.autocast("cpu", torch.bfloat16):
        wave = vocoder(mel.bfloat16())
    assert wave.dtype == torch.float32
    assert torch.equal(wave, vocoder(mel.bfloat16().float()))
    assert wave.abs().max() <= 1
    samples = mel.shape[2] * 160 * vocoder.sample_rate // 16000
    assert wave.shape == (1, 2, samples)


def _precision() -> str:
    return torch.backends.cudnn.conv.fp32_precision  # type: ignore[attr-defined]


@pytest.mark.parametrize("allowed", [True, False])
def test_convolutions_do_not_round_on_a_card(golden: GoldenIo, allowed: bool) -> None:
    vocoder, decoder = load_vocoder(golden.files), load_audio_decoder(golden.files)
    seen: list[str] = []
    for module in (*vocoder.modules(), *decoder.modules()):
        if isinstance(module, nn.Conv1d | nn.Conv2d | nn.ConvTranspose1d):
            module.register_forward_pre_hook(lambda *_: seen.append(_precision()))
    default = torch.backends.cudnn.allow_tf32
    try:
        torch.backends.cudnn.allow_tf32 = allowed
        before = _precision()
        vocoder(decoder.decode(torch.randn(1, 1, 9, 16)))
        assert _precision() == before
        assert torch.backends.cudnn.allow_tf32 == allowed
    finally:
        torch.backends.cudnn.allow_tf32 = default
    assert len(seen) > 2
    assert set(seen) == {"ieee"}


def test_the_sample_rate_of_2_0_need_not_be_stated(changed: Changed) -> None:
    path = changed("2.0", lambda _, config: config["vocoder"].pop("output_sampling_rate"))
    assert load_vocoder(model_files(path)).sample_rate == 24000


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda config: config["vocoder"]["bwe"].pop("hop_length"), "hop_length"),
        (lambda config: config["vocoder"]["vocoder"].update(resblock="2"), "resblock"),
        (lambda config: config["vocoder"]["vocoder"].update(activation="relu"), "snakebeta"),
        (lambda config: config["vocoder"]["vocoder"].update(stereo=False), "stereo"),
        (lambda config: config["audio_vae"]["model"]["params"]["ddconfig"].pop("mel_bins"), "mel_bins"),
        (lambda config: config.pop("vocoder"), "vocoder"),
    ],
)
def test_a_vocoder_of_another_kind_is_refused(changed: Changed, change: Callable[..., object], said: str) -> None:
    with pytest.raises(CheckpointError, match=said):
        load_vocoder(model_files(changed("2.3", lambda _, config: change(config))))
