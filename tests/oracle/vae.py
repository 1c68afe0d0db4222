"""Encoding and decoding of a video at real width, on fake tensors."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor, nn
from torch._subclasses.fake_tensor import FakeTensorMode

from tests.oracle.device import cuda_kernels
from tests.oracle.ledger import Ledger, Peak
from tests.support.sparse import write_real
from trainer.files.checkpoint import read_checkpoint, vae_scale
from trainer.model.tiling import DECODER_TILES, ENCODER_TILES
from trainer.model.vae import ConvVideoDecoder, DiffusionVideoDecoder, VideoEncoder
from trainer.model.video_settings import (
    diffusion_decoder_arguments,
    latent_channels,
    video_decoder_arguments,
    video_encoder_arguments,
    video_vae_section,
)

HEADERS = {"2.0": "ltx-2-19b", "2.3": "ltx-2.3-22b", "2.5": "ltx-2.5-22b-video-vae"}


def measure_encode(family: str, width: int, height: int, frames: int, *, tiled: bool = False) -> Peak:
    """Encode one clip in bf16."""
    module = _build(family, encoder=True)
    assert isinstance(module, VideoEncoder)
    tiles = ENCODER_TILES if tiled else None
    return _measure(module, (1, 3, frames, height, width), lambda clip: module.encode(clip, tiles=tiles))


def measure_decode(family: str, width: int, height: int, frames: int, *, tiled: bool = True) -> Peak:
    """Decode one clip in bf16, in tiles as validation does."""
    module = _build(family, encoder=False)
    assert isinstance(module, ConvVideoDecoder | DiffusionVideoDecoder)
    shape = (1, 128, (frames - 1) // 8 + 1, height // 32, width // 32)
    tiles = DECODER_TILES if tiled else None
    return _measure(module, shape, lambda latents: module.decode(latents, tiles=tiles))


def _build(family: str, *, encoder: bool) -> nn.Module:
    with tempfile.TemporaryDirectory() as folder:
        checkpoint = read_checkpoint(write_real(Path(folder), HEADERS[family]))
    section, scale = video_vae_section(checkpoint), vae_scale(checkpoint.config)
    channels = latent_channels(section)
    with torch.device("meta"):
        if encoder:
            return VideoEncoder(video_encoder_arguments(section), channels, scale)
        if section.need("_class_name") == "CausalVideoAutoencoder":
            return ConvVideoDecoder(video_decoder_arguments(section), channels, scale)
        return DiffusionVideoDecoder(diffusion_decoder_arguments(section, scale), channels, scale)


def _measure(module: nn.Module, shape: tuple[int, ...], run: Callable[[Tensor], Tensor]) -> Peak:
    ledger = Ledger()
    with FakeTensorMode():
        for part in module.modules():
            for name, parameter in list(part._parameters.items()):
                if parameter is not None:
                    fresh = torch.empty(parameter.shape, dtype=torch.bfloat16)
                    part._parameters[name] = nn.Parameter(fresh, requires_grad=False)
            for name, buffer in list(part._buffers.items()):
                if buffer is not None:
                    part._buffers[name] = torch.empty(buffer.shape, dtype=torch.bfloat16)
        ledger.own(module.parameters(), "weights")
        given = torch.empty(shape, dtype=torch.bfloat16)
        ledger.own([given], "inputs")
        with ledger, cuda_kernels(), ledger.phase("run") as peak:
            run(given)
    return peak
