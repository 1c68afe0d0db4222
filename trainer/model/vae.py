"""Video latents: the encoder, the convolutional decoder and the 2.5 diffusion decoder, each built and loaded alone.

Shapes: video ``[B, 3, F, H, W]`` in [-1, 1]; latents ``[B, C, F', H', W']`` with F' = (F - 1) / temporal + 1,
normalised per channel with the statistics that stand in the file.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, Protocol

import torch
from diffusers import LTX2VideoDiffusionDecoderModel
from diffusers.models.autoencoders.autoencoder_kl_ltx2 import LTX2VideoDecoder3d, LTX2VideoEncoder3d
from torch import Tensor, nn

from schemas.errors import DataError
from trainer.files.checkpoint import Checkpoint, ModelFiles, VaeScale, read_checkpoint, vae_scale
from trainer.model.neighbourhood import NeighbourhoodProcessor
from trainer.model.reading import Address, Component, fill
from trainer.model.tiling import DECODER_TILES, Tiles, decode_tiled, encode_tiled
from trainer.model.video_settings import (
    diffusion_decoder_arguments,
    latent_channels,
    video_decoder_arguments,
    video_encoder_arguments,
    video_vae_section,
)

PREFIX: Final = "vae."
"""Before the keys in a unified file; the split files of 2.5 have none."""
_STATISTICS: Final = "per_channel_statistics."
_USED_STATISTICS: Final = {"latents_mean": "mean-of-means", "latents_std": "std-of-means"}
_UNUSED: Final = frozenset(
    {
        _STATISTICS + "channel",
        _STATISTICS + "mean-of-stds",
        _STATISTICS + "mean-of-stds_over_std-of-means",
        # Only a keyframe mode that no published program has would read it.
        "decoder.type_emb",
    }
)
"""Tensors that published files hold and nothing needs: statistics of 2.0, the type embedding of the 2.5 decoder."""


class VideoDecoder(Protocol):
    """Either decoder."""

    channels: int
    scale: VaeScale

    def decode(
        self, latents_BCFHW: Tensor, *, generator: torch.Generator | None = None, tiles: Tiles | None = ...
    ) -> Tensor: ...


class _Latents(nn.Module):
    """Per-channel statistics of the latents."""

    latents_mean: Tensor
    latents_std: Tensor

    def __init__(self, channels: int, scale: VaeScale) -> None:
        super().__init__()
        self.channels, self.scale = channels, scale
        self.register_buffer("latents_mean", torch.zeros(channels))
        self.register_buffer("latents_std", torch.ones(channels))

    def _normalise(self, latents_BCFHW: Tensor) -> Tensor:
        return (latents_BCFHW - self._shaped(self.latents_mean)) / self._shaped(self.latents_std)

    def _denormalise(self, latents_BCFHW: Tensor) -> Tensor:
        latents_BCFHW = latents_BCFHW.to(self.latents_mean)
        return latents_BCFHW * self._shaped(self.latents_std) + self._shaped(self.latents_mean)

    @staticmethod
    def _shaped(statistic_C: Tensor) -> Tensor:
        return statistic_C.view(1, -1, 1, 1, 1)


class VideoEncoder(_Latents):
    """Pixels to latents; the mean of the distribution, nothing is drawn."""

    encoder: Any

    def __init__(self, arguments: dict[str, Any], channels: int, scale: VaeScale) -> None:
        super().__init__(channels, scale)
        self.encoder = LTX2VideoEncoder3d(**arguments)

    @torch.no_grad()
    def encode(self, video_BCFHW: Tensor, *, tiles: Tiles | None = None) -> Tensor:
        """Normalised latents. ``tiles`` (such as ``ENCODER_TILES``) bounds the memory of large clips.

        Raises DataError when the clip is not a whole number of latent steps.
        """
        frames, height, width = video_BCFHW.shape[2:]
        if (frames - 1) % self.scale.temporal or height % self.scale.spatial or width % self.scale.spatial:
            raise DataError(
                f"a clip of {width}x{height} with {frames} frames cannot be encoded",
                why=f"width and height must be multiples of {self.scale.spatial}, "
                f"frames a multiple of {self.scale.temporal} plus 1",
            )
        video_BCFHW = video_BCFHW.to(self.latents_mean)
        if tiles is None:
            return self._encode(video_BCFHW)
        return encode_tiled(self._encode, video_BCFHW, tiles, self.scale)

    def _encode(self, video_BCFHW: Tensor) -> Tensor:
        return self._normalise(self.encoder(video_BCFHW, causal=True)[:, : self.channels])


class ConvVideoDecoder(_Latents):
    """Latents to pixels with the convolutional decoder of 2.0 and 2.3 (and the 2.5 file of that name)."""

    decoder: Any

    def __init__(self, arguments: dict[str, Any], channels: int, scale: VaeScale) -> None:
        super().__init__(channels, scale)
        self.decoder = LTX2VideoDecoder3d(**arguments)

    @torch.no_grad()
    def decode(
        self,
        latents_BCFHW: Tensor,
        *,
        generator: torch.Generator | None = None,  # noqa: ARG002 - one signature for both decoders
        tiles: Tiles | None = DECODER_TILES,
    ) -> Tensor:
        """Video, not clamped. What is larger than one tile is decoded in overlapping tiles; None decodes at once."""
        latents_BCFHW = self._denormalise(latents_BCFHW)
        if tiles is None:
            return self.decoder(latents_BCFHW)
        return decode_tiled(self.decoder, latents_BCFHW, tiles, self.scale)


class DiffusionVideoDecoder(_Latents):
    """Latents to pixels with the 2.5 diffusion decoder, which draws noise: pass a generator to repeat a result."""

    model: Any

    def __init__(self, arguments: dict[str, Any], channels: int, scale: VaeScale) -> None:
        super().__init__(channels, scale)
        self.model = LTX2VideoDiffusionDecoderModel(**arguments)
        self.model.set_attn_processor(NeighbourhoodProcessor())
        # One place for the statistics: this module.
        del self.model.latents_mean, self.model.latents_std

    @torch.no_grad()
    def decode(
        self,
        latents_BCFHW: Tensor,
        *,
        generator: torch.Generator | None = None,
        tiles: Tiles | None = DECODER_TILES,
    ) -> Tensor:
        """Video, not clamped; without ``tiles`` at once, otherwise large clips in the decoder's own tiles.

        Raises DataError for a clip smaller than the decoder's attention window.
        """
        self._check_size(latents_BCFHW)
        if tiles is None:
            self.model.disable_tiling()
        else:
            self.model.enable_tiling()
        return self.model.decode(self._denormalise(latents_BCFHW), generator=generator, return_dict=False)[0]

    @torch.no_grad()
    def step(self, latents_BCFHW: Tensor, noisy_BCFHW: Tensor) -> tuple[Tensor, Tensor]:
        """One denoising step from pure noise: the context volume ``[B, F, h, w, C]`` and the predicted video."""
        network = self.model.decoder
        context = network.forward_stage_4(network.forward_stages_1_to_3(self._denormalise(latents_BCFHW)))
        time_B = torch.ones(noisy_BCFHW.shape[0], device=context.device)
        return context, network.forward_diffusion_step(context, noisy_BCFHW.to(context), time_B)

    def _check_size(self, latents_BCFHW: Tensor) -> None:
        frames, height, width = latents_BCFHW.shape[2:]
        patch = self.model.decoder.patch_size
        first, last = self.model.config.decoder_stage_kernels[0], self.model.config.decoder_stage5_kernel
        step = self.scale.spatial
        least = (max(first[1] * step, last[1] * patch), max(first[2] * step, last[2] * patch))
        pixels = ((frames - 1) * self.scale.temporal + 1, height * step, width * step)
        if pixels[0] < last[0] or pixels[1] < least[0] or pixels[2] < least[1]:
            raise DataError(
                f"{pixels[2]}x{pixels[1]} with {pixels[0]} frames is too small for the diffusion video decoder",
                why=f"its attention window covers {least[1]}x{least[0]} pixels and {last[0]} frames",
                hint="validate at a larger size, or set model.video_vae_path to the convolutional VAE file",
            )


def load_video_encoder(
    files: ModelFiles, *, dtype: torch.dtype = torch.bfloat16, device: torch.device | str = "cpu"
) -> VideoEncoder:
    """The video VAE's encoder with its statistics; CheckpointError when the file does not hold exactly that."""
    checkpoint = read_checkpoint(files.video_vae)
    section = video_vae_section(checkpoint)
    arguments = video_encoder_arguments(section)
    with torch.device("meta"):
        encoder = VideoEncoder(arguments, latent_channels(section), vae_scale(checkpoint.config))
    levels = len(arguments["block_out_channels"])
    part = _component(checkpoint, "video VAE encoder", "encoder.", lambda name: Address(_encoder_key(name, levels)))
    fill(encoder, part, (checkpoint.path,), dtype=dtype, device=device)
    return encoder


def load_video_decoder(
    files: ModelFiles, *, dtype: torch.dtype = torch.bfloat16, device: torch.device | str = "cpu"
) -> ConvVideoDecoder | DiffusionVideoDecoder:
    """The decoder the file holds: convolutional, or the diffusion decoder of 2.5."""
    checkpoint = read_checkpoint(files.video_vae)
    section = video_vae_section(checkpoint)
    convolutional = section.need("_class_name") == "CausalVideoAutoencoder"
    channels, scale = latent_channels(section), vae_scale(checkpoint.config)
    decoder: ConvVideoDecoder | DiffusionVideoDecoder
    with torch.device("meta"):
        if convolutional:
            decoder = ConvVideoDecoder(video_decoder_arguments(section), channels, scale)
        else:
            decoder = DiffusionVideoDecoder(diffusion_decoder_arguments(section, scale), channels, scale)
    address = _conv_decoder_address if convolutional else _diffusion_decoder_address
    part = _component(checkpoint, "video VAE decoder", "decoder.", address)
    fill(decoder, part, (checkpoint.path,), dtype=dtype, device=device)
    return decoder


def _component(checkpoint: Checkpoint, name: str, half: str, address: Callable[[str], Address]) -> Component:
    prefix = PREFIX if checkpoint.has(PREFIX) else ""
    owned = (prefix + half, prefix + _STATISTICS)

    def place(parameter: str) -> Address:
        if parameter in _USED_STATISTICS:
            return Address(prefix + _STATISTICS + _USED_STATISTICS[parameter])
        found = address(parameter)
        return Address(prefix + found.key, found.part, found.parts)

    return Component(
        name=name,
        address=place,
        owns=lambda key: key.startswith(owned),
        spare=lambda key: key.removeprefix(prefix) in _UNUSED,
    )


def _encoder_key(name: str, levels: int) -> str:
    """Official files number residual stacks and downsamplers in one list: even and odd places in turn."""
    parts = name.split(".")
    if parts[1] == "mid_block":
        parts[1:2] = ["down_blocks", str(2 * levels)]
    elif parts[1] == "down_blocks":
        index = int(parts[2])
        if parts[3] == "downsamplers":
            parts[2:5] = [str(2 * index + 1)]
        else:
            parts[2] = str(2 * index)
    return ".".join(parts).replace(".resnets.", ".res_blocks.")


def _conv_decoder_address(name: str) -> Address:
    """As in the encoder, but the middle stack stands first and each level starts with its upsampler."""
    parts = name.split(".")
    if parts[1] == "mid_block":
        parts[1:2] = ["up_blocks", "0"]
    elif parts[1] == "up_blocks":
        index = int(parts[2])
        if parts[3] == "upsamplers":
            parts[2:5] = [str(2 * index + 1)]
        else:
            parts[2] = str(2 * index + 2)
    return Address(".".join(parts).replace(".resnets.", ".res_blocks."))


def _diffusion_decoder_address(name: str) -> Address:
    """Official files keep query, key and value of each attention in one tensor."""
    name = name.removeprefix("model.")
    for part, letter in enumerate("qkv"):
        if f".attn.to_{letter}." in name:
            return Address(name.replace(f".attn.to_{letter}.", ".attn.qkv."), part, 3)
    for ours, theirs in (
        (".attn.to_out.0.", ".attn.proj."),
        (".norm_q.", ".q_norm."),
        (".norm_k.", ".k_norm."),
        (".t_embedder.timestep_embedder.linear_1.", ".t_embedder.mlp.0."),
        (".t_embedder.timestep_embedder.linear_2.", ".t_embedder.mlp.2."),
    ):
        name = name.replace(ours, theirs)
    return Address(name)
