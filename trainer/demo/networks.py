"""The tiny networks themselves, instantiated with their default initialisation from the tiny official config.

Only the two designs of ``official_config`` are covered; the general reading direction is the loader's business.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from diffusers.models.autoencoders.autoencoder_kl_ltx2 import AutoencoderKLLTX2Video
from diffusers.models.autoencoders.autoencoder_kl_ltx2_audio import AutoencoderKLLTX2Audio
from diffusers.models.transformers.transformer_ltx2 import LTX2VideoTransformer3DModel
from diffusers.pipelines.ltx2.connectors import LTX2TextConnectors
from diffusers.pipelines.ltx2.vocoder import LTX2Vocoder, LTX2VocoderWithBWE
from torch import nn
from transformers.audio_utils import mel_filter_bank

Config = Mapping[str, Any]


def build_transformer(config: Config) -> nn.Module:
    """Transformer of the ``transformer`` section."""
    adaln = bool(config.get("cross_attention_adaln", False))
    gated = bool(config.get("apply_gated_attention", False))
    return LTX2VideoTransformer3DModel(
        in_channels=config["in_channels"],
        out_channels=config["out_channels"],
        num_attention_heads=config["num_attention_heads"],
        attention_head_dim=config["attention_head_dim"],
        cross_attention_dim=config["cross_attention_dim"],
        gated_attn=gated,
        cross_attn_mod=adaln,
        audio_in_channels=config["audio_in_channels"],
        audio_out_channels=config["audio_out_channels"],
        audio_num_attention_heads=config["audio_num_attention_heads"],
        audio_attention_head_dim=config["audio_attention_head_dim"],
        audio_cross_attention_dim=config["audio_cross_attention_dim"],
        audio_gated_attn=gated,
        audio_cross_attn_mod=adaln,
        num_layers=config["num_layers"],
        caption_channels=config["caption_channels"],
        rope_type=config["rope_type"],
        use_prompt_embeddings=not config.get("caption_proj_before_connector", False),
    )


def build_connectors(config: Config, text_states: int) -> nn.Module:
    """Feature extractor and text connectors of the ``transformer`` section for ``text_states`` hidden states."""
    heads, head_dim = config["connector_num_attention_heads"], config["connector_attention_head_dim"]
    separate = bool(config.get("caption_proj_before_connector", False))
    gated = bool(config.get("connector_apply_gated_attention", False))
    return LTX2TextConnectors(
        caption_channels=config["caption_channels"],
        text_proj_in_factor=text_states,
        video_connector_num_attention_heads=heads,
        video_connector_attention_head_dim=head_dim,
        video_connector_num_layers=config["connector_num_layers"],
        video_connector_num_learnable_registers=config["connector_num_learnable_registers"],
        video_gated_attn=gated,
        audio_connector_num_attention_heads=config.get("audio_connector_num_attention_heads", heads),
        audio_connector_attention_head_dim=config.get("audio_connector_attention_head_dim", head_dim),
        audio_connector_num_layers=config["connector_num_layers"],
        audio_connector_num_learnable_registers=config["connector_num_learnable_registers"],
        audio_gated_attn=gated,
        connector_rope_base_seq_len=config["connector_positional_embedding_max_pos"][0],
        rope_type=config["rope_type"],
        per_modality_projections=separate,
        video_hidden_dim=config["num_attention_heads"] * config["attention_head_dim"],
        audio_hidden_dim=config["audio_num_attention_heads"] * config["audio_attention_head_dim"],
        proj_bias=separate,
    )


def build_video_vae(config: Config) -> nn.Module:
    """Convolutional video VAE, encoder and decoder, of the ``vae`` section."""
    kinds = {"space": "spatial", "time": "temporal", "all": "spatiotemporal"}
    down = [block for block in config["encoder_blocks"] if block[0] != "res_x"]
    up = [block for block in config["decoder_blocks"] if block[0] != "res_x"]
    widths_down = _running_product(config["latent_channels"], [params["multiplier"] for _, params in down])
    widths_up = _running_product(config["decoder_base_channels"], [params["multiplier"] for _, params in up])
    return AutoencoderKLLTX2Video(
        latent_channels=config["latent_channels"],
        block_out_channels=widths_down,
        down_block_types=("LTX2VideoDownBlock3D",) * len(down),
        layers_per_block=_residual_layers(config["encoder_blocks"]),
        downsample_type=tuple(kinds[name.split("_")[1]] for name, _ in down),
        spatio_temporal_scaling=(True,) * len(down),
        decoder_block_out_channels=widths_up,
        decoder_layers_per_block=_residual_layers(config["decoder_blocks"]),
        decoder_spatio_temporal_scaling=(True,) * len(up),
        decoder_inject_noise=(False,) * (len(up) + 1),
        upsample_type=tuple(kinds[name.split("_")[1]] for name, _ in reversed(up)),
        upsample_residual=tuple(params.get("residual", False) for _, params in up),
        upsample_factor=tuple(params["multiplier"] for _, params in up),
        patch_size=config["patch_size"],
        decoder_causal=config["causal_decoder"],
        encoder_spatial_padding_mode=config.get("spatial_padding_mode", "zeros"),
        decoder_spatial_padding_mode=config.get("spatial_padding_mode", "reflect"),
        spatial_compression_ratio=32,
        temporal_compression_ratio=8,
    )


def build_audio_vae(config: Config) -> nn.Module:
    """Audio VAE of the ``audio_vae`` section."""
    params = config["model"]["params"]
    details = params["ddconfig"]
    return AutoencoderKLLTX2Audio(
        base_channels=details["ch"],
        output_channels=details["out_ch"],
        ch_mult=tuple(details["ch_mult"]),
        num_res_blocks=details["num_res_blocks"],
        latent_channels=details["z_channels"],
        resolution=details["resolution"],
        mel_bins=details["mel_bins"],
        sample_rate=params["sampling_rate"],
        mel_hop_length=config["preprocessing"]["stft"]["hop_length"],
    )


def build_vocoder(config: Config) -> nn.Module:
    """HiFi-GAN of the 2.0 ``vocoder`` section, or vocoder with bandwidth extension of the 2.3 one."""
    if "bwe" not in config:
        return LTX2Vocoder(
            hidden_channels=config["upsample_initial_channel"],
            upsample_kernel_sizes=config["upsample_kernel_sizes"],
            upsample_factors=config["upsample_rates"],
            resnet_kernel_sizes=config["resblock_kernel_sizes"],
            resnet_dilations=config["resblock_dilation_sizes"],
        )
    first, second = config["vocoder"], config["bwe"]
    vocoder = LTX2VocoderWithBWE(
        hidden_channels=first["upsample_initial_channel"],
        upsample_kernel_sizes=first["upsample_kernel_sizes"],
        upsample_factors=first["upsample_rates"],
        bwe_hidden_channels=second["upsample_initial_channel"],
        bwe_upsample_kernel_sizes=second["upsample_kernel_sizes"],
        bwe_upsample_factors=second["upsample_rates"],
        filter_length=second["n_fft"],
        window_length=second["win_size"],
        hop_length=second["hop_length"],
        num_mel_channels=second["num_mels"],
        input_sampling_rate=second["input_sampling_rate"],
        output_sampling_rate=second["output_sampling_rate"],
    )
    _fill_mel_buffers(vocoder, second)
    return vocoder


def _fill_mel_buffers(vocoder: LTX2VocoderWithBWE, config: Config) -> None:
    """The buffers between the two stages are data of a checkpoint: a windowed Fourier basis and a mel filter bank."""
    size, bins = config["n_fft"], config["n_fft"] // 2 + 1
    angle = 2 * math.pi / size * np.arange(bins)[:, None] * np.arange(size)
    window = torch.hann_window(size, periodic=True).numpy()
    basis = np.concatenate([np.cos(angle), -np.sin(angle)]) * window
    mel = mel_filter_bank(
        num_frequency_bins=bins,
        num_mel_filters=config["num_mels"],
        min_frequency=0.0,
        max_frequency=config["input_sampling_rate"] / 2,
        sampling_rate=config["input_sampling_rate"],
        norm="slaney",
        mel_scale="slaney",
    )
    stft = vocoder.mel_stft.stft_fn
    stft.forward_basis.copy_(torch.from_numpy(basis)[:, None])
    stft.inverse_basis.copy_(torch.from_numpy(basis / size)[:, None])
    vocoder.mel_stft.mel_basis.copy_(torch.from_numpy(mel.T))


def _running_product(start: int, factors: list[int]) -> tuple[int, ...]:
    widths = []
    for factor in factors:
        start *= factor
        widths.append(start)
    return tuple(widths)


def _residual_layers(blocks: list[list[Any]]) -> tuple[int, ...]:
    return tuple(params["num_layers"] for name, params in blocks if name == "res_x")
