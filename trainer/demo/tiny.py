"""A tiny LTX-2 checkpoint in the published unified file format: the real loader, trainer and sampler run on it.

Networks have their default initialisation under a fixed seed. Only the statistics of the two VAEs are measured: on
the demo scenes, so that normalised latents have mean 0 and deviation 1 as those of the real files do.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from trainer.data.mel import MelSpec, log_mel
from trainer.demo import networks
from trainer.demo.official_config import TEXT_STATES, Family, official_config
from trainer.demo.official_names import (
    audio_vae_names,
    connector_names,
    transformer_names,
    video_vae_names,
    vocoder_names,
)
from trainer.demo.scenes import SCENES, render_frames, render_wave
from trainer.model.io import write_safetensors

_CALIBRATION_FRAMES = 25
_LICENCE = "Random weights made on the spot; nobody's licence applies."


def write_tiny_checkpoint(path: Path, family: Family = "2.0", seed: int = 0) -> Path:
    """Write transformer, video VAE, audio VAE, vocoder, extractor and connectors with their ``config`` to ``path``.

    dtypes are those of the published files: bfloat16, except the transformer's ``*scale_shift_table*`` in float32.
    The same ``family`` and ``seed`` give the same tensors and metadata on the same machine.
    """
    config = official_config(family)
    with torch.random.fork_rng(devices=[]), torch.no_grad():
        torch.manual_seed(seed)
        state = _stored(transformer_names(networks.build_transformer(config["transformer"]).state_dict()))
        state |= _stored(connector_names(networks.build_connectors(config["transformer"], TEXT_STATES).state_dict()))
        state |= _stored(video_vae_names(_calibrated_video_vae(config["vae"]).state_dict()))
        state |= _stored(audio_vae_names(_calibrated_audio_vae(config["audio_vae"]).state_dict()))
        state |= _stored(vocoder_names(networks.build_vocoder(config["vocoder"]).state_dict()))
    metadata = {"config": json.dumps(config), "license": _LICENCE}
    if family == "2.0":
        state |= _unused_statistics(config["vae"]["latent_channels"])
    else:
        metadata["model_version"] = f"{family}.0"
    path.parent.mkdir(parents=True, exist_ok=True)
    write_safetensors(path, state, metadata)
    return path


def _stored(state: dict[str, Tensor]) -> dict[str, Tensor]:
    return {
        name: value.to(torch.float32 if _is_table(name) else torch.bfloat16).contiguous()
        for name, value in state.items()
    }


def _is_table(name: str) -> bool:
    return name.startswith("model.diffusion_model.") and "scale_shift_table" in name


def _unused_statistics(channels: int) -> dict[str, Tensor]:
    """Three per-channel statistics that the 2.0 file carries and no network reads."""
    one = torch.ones(channels, dtype=torch.bfloat16)
    names = ("channel", "mean-of-stds", "mean-of-stds_over_std-of-means")
    return {f"vae.per_channel_statistics.{name}": one.clone() for name in names}


def _rounded(module: nn.Module) -> nn.Module:
    """The module with its weights as the file will hold them, computing in float32."""
    for tensor in (*module.parameters(), *module.buffers()):
        tensor.copy_(tensor.to(torch.bfloat16))
    return module.eval()


def _calibrated_video_vae(config: dict[str, Any]) -> nn.Module:
    vae: Any = _rounded(networks.build_video_vae(config))
    columns = []
    for scene in SCENES:
        frames = render_frames(scene, 96, 64, _CALIBRATION_FRAMES).astype(np.float32)
        video_BCFHW = torch.from_numpy(frames / 127.5 - 1).permute(3, 0, 1, 2)[None]
        columns.append(vae.encode(video_BCFHW).latent_dist.mean.transpose(0, 1).flatten(1))
    _set_statistics(vae, torch.cat(columns, dim=1))
    return vae


def _calibrated_audio_vae(config: dict[str, Any]) -> nn.Module:
    vae: Any = _rounded(networks.build_audio_vae(config))
    spec = MelSpec.from_config(config)
    columns = []
    for scene in SCENES:
        wave = torch.from_numpy(render_wave(scene, 2.0, spec.sample_rate))[None]
        latent_BCTM = vae.encode(log_mel(wave, spec)).latent_dist.mean
        # Statistics are those of a token: channels times mel bins, channel-major.
        columns.append(latent_BCTM.permute(1, 3, 0, 2).flatten(0, 1).flatten(1))
    _set_statistics(vae, torch.cat(columns, dim=1))
    return vae


def _set_statistics(vae: Any, values_CN: Tensor) -> None:
    vae.latents_mean.copy_(values_CN.mean(dim=1))
    vae.latents_std.copy_(values_CN.std(dim=1))
