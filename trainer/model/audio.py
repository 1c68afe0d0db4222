"""Audio: mel spectrogram <-> latents, and latents' mel to sound.

Shapes: mel ``[B, 2, T, M]`` (stereo, time, log-mel bins); latents ``[B, C, T', M']`` with T' and M' a quarter each,
normalised per channel and bin; sound ``[B, 2, samples]``.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

import torch
from accelerate import init_empty_weights
from diffusers.models.autoencoders.autoencoder_kl_ltx2_audio import LTX2AudioDecoder, LTX2AudioEncoder
from diffusers.pipelines.ltx2.vocoder import LTX2Vocoder, LTX2VocoderWithBWE
from torch import Tensor, nn

from trainer.files.checkpoint import ModelFiles, read_checkpoint
from trainer.model.audio_settings import AudioShape, audio_arguments, audio_shape, vocoder_arguments
from trainer.model.reading import Address, Component, fill
from trainer.model.section import Section

_PREFIX: Final = "audio_vae."
_STATISTICS: Final = _PREFIX + "per_channel_statistics."
_USED_STATISTICS: Final = {
    "latents_mean": _STATISTICS + "mean-of-means",
    "latents_std": _STATISTICS + "std-of-means",
}
_VOCODER_PREFIX: Final = "vocoder."
_VOCODER_NAMES: Final = {
    "conv_in": "conv_pre",
    "conv_out": "conv_post",
    "act_out": "act_post",
    "resnets": "resblocks",
    "upsamplers": "ups",
}


@contextmanager
def full_precision() -> Iterator[None]:
    """Convolutions of fp32 numbers in fp32 meanwhile: cuDNN rounds them to ten bits (TF32) unless told otherwise."""
    convolutions = torch.backends.cudnn.conv  # type: ignore[attr-defined] # its stubs lag behind
    before = convolutions.fp32_precision
    convolutions.fp32_precision = "ieee"
    try:
        yield
    finally:
        convolutions.fp32_precision = before


class _AudioLatents(nn.Module):
    """Statistics of the audio latents; they stand in the file per token, that is per channel and mel bin."""

    latents_mean: Tensor
    latents_std: Tensor

    def __init__(self, shape: AudioShape) -> None:
        super().__init__()
        self.shape = shape
        self.register_buffer("latents_mean", torch.zeros(shape.channels * shape.bins))
        self.register_buffer("latents_std", torch.ones(shape.channels * shape.bins))

    def _shaped(self, statistic: Tensor) -> Tensor:
        return statistic.view(1, self.shape.channels, 1, self.shape.bins)


class AudioEncoder(_AudioLatents):
    """Mel to latents; the mean of the distribution, nothing is drawn."""

    def __init__(self, arguments: dict[str, Any], double_z: bool, shape: AudioShape) -> None:
        super().__init__(shape)
        self.encoder = LTX2AudioEncoder(**arguments, double_z=double_z)

    @torch.no_grad()
    def encode(self, mel_B2TM: Tensor) -> Tensor:
        """Normalised latents ``[B, C, T', M']``."""
        latents = self.encoder(mel_B2TM.to(self.latents_mean))[:, : self.shape.channels]
        return (latents - self._shaped(self.latents_mean)) / self._shaped(self.latents_std)


class AudioDecoder(_AudioLatents):
    """Latents to mel."""

    def __init__(self, arguments: dict[str, Any], shape: AudioShape) -> None:
        super().__init__(shape)
        self.decoder = LTX2AudioDecoder(**arguments)

    @torch.no_grad()
    def decode(self, latents_BCTM: Tensor) -> Tensor:
        """Log-mel ``[B, 2, T, M]`` of normalised latents."""
        latents = latents_BCTM.to(self.latents_mean)
        with full_precision():
            return self.decoder(latents * self._shaped(self.latents_std) + self._shaped(self.latents_mean))


class Vocoder(nn.Module):
    """Mel to sound, with or without bandwidth extension; always in fp32."""

    def __init__(self, arguments: dict[str, Any], extended: bool, sample_rate: int) -> None:
        super().__init__()
        self.sample_rate = sample_rate
        self.model = LTX2VocoderWithBWE(**arguments) if extended else LTX2Vocoder(**arguments)
        if extended:
            # The class reads this name when the sound does not fill its last frame, but never sets it.
            self.model.hop_length = arguments["hop_length"]

    @torch.no_grad()
    def forward(self, mel_B2TM: Tensor) -> Tensor:
        """Sound ``[B, 2, samples]`` in [-1, 1] at ``sample_rate``."""
        parameter = next(self.model.parameters())
        with torch.autocast(parameter.device.type, enabled=False), full_precision():
            return self.model(mel_B2TM.to(device=parameter.device, dtype=torch.float32))


def load_audio_encoder(
    files: ModelFiles, *, dtype: torch.dtype = torch.float32, device: torch.device | str = "cpu"
) -> AudioEncoder:
    """The audio VAE's encoder with its statistics."""
    section = _audio_section(files)
    arguments, double_z = audio_arguments(section)
    with torch.device("meta"):
        encoder = AudioEncoder(arguments, double_z, audio_shape(section))
    fill(encoder, _component("encoder"), (files.audio_vae,), dtype=dtype, device=device)
    return encoder


def load_audio_decoder(
    files: ModelFiles, *, dtype: torch.dtype = torch.float32, device: torch.device | str = "cpu"
) -> AudioDecoder:
    """The audio VAE's decoder with its statistics."""
    section = _audio_section(files)
    arguments, _ = audio_arguments(section)
    with torch.device("meta"):
        decoder = AudioDecoder(arguments, audio_shape(section))
    fill(decoder, _component("decoder"), (files.audio_vae,), dtype=dtype, device=device)
    return decoder


def load_vocoder(files: ModelFiles, *, device: torch.device | str = "cpu") -> Vocoder:
    """The vocoder in fp32, whatever the rest runs in: in bf16 its sound is audibly noisy."""
    checkpoint = read_checkpoint(files.vocoder)
    section = Section.of(checkpoint, "vocoder")
    mel_bins = _audio_section(files).below("model").below("params").below("ddconfig").integer("mel_bins")
    arguments, extended = vocoder_arguments(section, mel_bins)
    # Parameters on the meta device, buffers for real: one filter is computed and not stored, and on the meta device the
    # formulas of all the filters take seconds.
    with init_empty_weights(include_buffers=False):
        vocoder = Vocoder(arguments, extended, arguments["output_sampling_rate"])
    part = Component("vocoder", _vocoder_address, owns=lambda key: key.startswith(_VOCODER_PREFIX))
    fill(vocoder, part, (checkpoint.path,), dtype=torch.float32, device=device)
    return vocoder.to(device)


def audio_latent_shape(files: ModelFiles) -> AudioShape:
    """Channels and bins of the audio latents, and the mel they come from; nothing is loaded."""
    return audio_shape(_audio_section(files))


def _audio_section(files: ModelFiles) -> Section:
    return Section.of(read_checkpoint(files.audio_vae), "audio_vae")


def _component(half: str) -> Component:
    owned = (f"{_PREFIX}{half}.", _STATISTICS)
    return Component(
        name=f"audio VAE {half}",
        address=lambda name: Address(_USED_STATISTICS.get(name, _PREFIX + name)),
        owns=lambda key: key.startswith(owned),
    )


def _vocoder_address(name: str) -> Address:
    parts = [_VOCODER_NAMES.get(part, part) for part in name.removeprefix("model.").split(".")]
    return Address(_VOCODER_PREFIX + ".".join(parts).replace(".downsample.filter", ".downsample.lowpass.filter"))
