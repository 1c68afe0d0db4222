"""The ``config`` metadata of the tiny checkpoints.

The keys are those of the published 2.0 and 2.3 files; only widths, depths and block lists are smaller. Compression
factors (32 in space, 8 in time), the mel chain (16 kHz, 64 bins, hop 160), the audio latents' 16 bins and 25 steps a
second, the text length and the number of learnable registers are the real ones. One key is added, because narrower
audio tokens need it: ``transformer.audio_in_channels`` (absent in the published files, where it is 128).
"""

from __future__ import annotations

from typing import Any, Literal

Family = Literal["2.0", "2.3"]

TEXT_HIDDEN = 64
"""Hidden size of the tiny Gemma, and so ``caption_channels``."""
TEXT_STATES = 4
"""Hidden states the extractor sees: the embedding and three layers."""
LATENT_CHANNELS = 32
AUDIO_LATENT_CHANNELS, AUDIO_LATENT_BINS = 2, 16
AUDIO_TOKEN = AUDIO_LATENT_CHANNELS * AUDIO_LATENT_BINS
"""Width of an audio token. The published design ties it to the audio VAE's base width ``ch``, so 128 (8 channels of
16 bins) would make the VAE the slowest part of the tiny world."""
VIDEO_HEADS, VIDEO_HEAD_DIM, AUDIO_HEAD_DIM = 4, 32, 16
LAYERS = 4

_TRANSFORMER: dict[str, Any] = {
    "_class_name": "AVTransformer3DModel",
    "activation_fn": "gelu-approximate",
    "attention_bias": True,
    "attention_head_dim": VIDEO_HEAD_DIM,
    "attention_type": "default",
    "caption_channels": TEXT_HIDDEN,
    "cross_attention_dim": VIDEO_HEADS * VIDEO_HEAD_DIM,
    "double_self_attention": False,
    "dropout": 0.0,
    "in_channels": LATENT_CHANNELS,
    "norm_elementwise_affine": False,
    "norm_eps": 1e-06,
    "norm_num_groups": 32,
    "num_attention_heads": VIDEO_HEADS,
    "num_embeds_ada_norm": 1000,
    "num_layers": LAYERS,
    "num_vector_embeds": None,
    "only_cross_attention": False,
    "cross_attention_norm": True,
    "out_channels": LATENT_CHANNELS,
    "upcast_attention": False,
    "use_linear_projection": False,
    "qk_norm": "rms_norm",
    "standardization_norm": "rms_norm",
    "positional_embedding_type": "rope",
    "positional_embedding_theta": 10000.0,
    "positional_embedding_max_pos": [20, 2048, 2048],
    "timestep_scale_multiplier": 1000,
    "av_ca_timestep_scale_multiplier": 1000.0,
    "causal_temporal_positioning": True,
    "audio_num_attention_heads": VIDEO_HEADS,
    "audio_attention_head_dim": AUDIO_HEAD_DIM,
    "use_audio_video_cross_attention": True,
    "share_ff": False,
    "audio_in_channels": AUDIO_TOKEN,
    "audio_out_channels": AUDIO_TOKEN,
    "audio_cross_attention_dim": VIDEO_HEADS * AUDIO_HEAD_DIM,
    "audio_positional_embedding_max_pos": [20],
    "av_cross_ada_norm": True,
    "use_embeddings_connector": True,
    "connector_attention_head_dim": 16,
    "connector_num_attention_heads": 4,
    "connector_num_layers": 1,
    "connector_positional_embedding_max_pos": [4096],
    "connector_num_learnable_registers": 128,
    "connector_norm_output": True,
    "use_middle_indices_grid": True,
    "rope_type": "split",
    "frequencies_precision": "float64",
}
_TRANSFORMER_23: dict[str, Any] = {
    "connector_attention_head_dim": VIDEO_HEAD_DIM,
    "apply_gated_attention": True,
    "connector_apply_gated_attention": True,
    "caption_projection_first_linear": False,
    "caption_projection_second_linear": False,
    "caption_proj_input_norm": False,
    "connector_learnable_registers_std": 1,
    "caption_proj_before_connector": True,
    "audio_connector_attention_head_dim": AUDIO_HEAD_DIM,
    "audio_connector_num_attention_heads": VIDEO_HEADS,
    "cross_attention_adaln": True,
    "text_encoder_norm_type": "per_token_rms",
}
_SCHEDULER: dict[str, Any] = {
    "_class_name": "RectifiedFlowScheduler",
    "_diffusers_version": "0.25.1",
    "num_train_timesteps": 1000,
    "shifting": None,
    "base_resolution": None,
    "sampler": "LinearQuadratic",
}
_VIDEO_VAE: dict[str, Any] = {
    "_class_name": "CausalVideoAutoencoder",
    "dims": 3,
    "in_channels": 3,
    "out_channels": 3,
    "latent_channels": LATENT_CHANNELS,
    "scaling_factor": 1.0,
    "norm_layer": "pixel_norm",
    "patch_size": 4,
    "latent_log_var": "uniform",
    "use_quant_conv": False,
    "causal_decoder": False,
    "timestep_conditioning": False,
    "normalize_latent_channels": False,
    "encoder_base_channels": LATENT_CHANNELS,
}
_AUDIO_VAE: dict[str, Any] = {
    "model": {
        "params": {
            "ddconfig": {
                "double_z": True,
                "mel_bins": 64,
                "z_channels": AUDIO_LATENT_CHANNELS,
                "resolution": 256,
                "downsample_time": False,
                "in_channels": 2,
                "out_ch": 2,
                "ch": AUDIO_TOKEN,
                "ch_mult": [1, 1, 2],
                "num_res_blocks": 1,
                "attn_resolutions": [],
                "dropout": 0.0,
                "mid_block_add_attention": False,
                "norm_type": "pixel",
                "causality_axis": "height",
            },
            "sampling_rate": 16000,
        }
    },
    "preprocessing": {
        "audio": {
            "sampling_rate": 16000,
            "max_wav_value": 32768.0,
            "duration": 5.12,
            "stereo": True,
            "causal_padding": 3,
        },
        "stft": {"filter_length": 1024, "hop_length": 160, "win_length": 1024, "causal": True},
        "mel": {"n_mel_channels": 64, "mel_fmin": 0, "mel_fmax": 8000},
    },
}
_RESBLOCKS: dict[str, Any] = {
    "resblock_kernel_sizes": [3, 7, 11],
    "resblock_dilation_sizes": [[1, 3, 5], [1, 3, 5], [1, 3, 5]],
    "stereo": True,
}
_SNAKE: dict[str, Any] = {
    **_RESBLOCKS,
    "resblock": "AMP1",
    "use_tanh_at_final": False,
    "activation": "snakebeta",
    "use_bias_at_final": False,
}


def official_config(family: Family) -> dict[str, Any]:
    """``config`` metadata of a tiny unified checkpoint of the 2.0 (19B) or the 2.3 (22B) design."""
    return _config_20() if family == "2.0" else _config_23()


def _config_20() -> dict[str, Any]:
    def res() -> list[Any]:
        return ["res_x", {"inject_noise": False, "num_layers": 1}]

    vae = _VIDEO_VAE | {
        "encoder_blocks": _encoder_blocks(last_multiplier=2),
        "decoder_blocks": [
            res(),
            *(block for _ in range(3) for block in (["compress_all", {"multiplier": 2, "residual": True}], res())),
        ],
        "decoder_base_channels": 8,
    }
    vocoder = _RESBLOCKS | {
        "upsample_initial_channel": 16,
        "resblock": "1",
        "upsample_rates": [6, 5, 8],
        "upsample_kernel_sizes": [16, 15, 16],
    }
    transformer = {"_diffusers_version": "0.25.1", **_TRANSFORMER}
    return {
        "transformer": transformer,
        "scheduler": _SCHEDULER,
        "vae": vae,
        "audio_vae": _AUDIO_VAE,
        "vocoder": vocoder,
    }


def _config_23() -> dict[str, Any]:
    vae = _VIDEO_VAE | {
        "encoder_blocks": _encoder_blocks(last_multiplier=1),
        "decoder_blocks": [
            ["res_x", {"num_layers": 1}],
            ["compress_space", {"multiplier": 2}],
            ["res_x", {"num_layers": 1}],
            ["compress_time", {"multiplier": 2}],
            ["res_x", {"num_layers": 1}],
            ["compress_all", {"multiplier": 1}],
            ["res_x", {"num_layers": 1}],
            ["compress_all", {"multiplier": 2}],
            ["res_x", {"num_layers": 1}],
        ],
        "decoder_base_channels": 8,
        "spatial_padding_mode": "zeros",
    }
    vocoder = {
        "vocoder": _SNAKE
        | {"upsample_initial_channel": 16, "upsample_rates": [5, 4, 8], "upsample_kernel_sizes": [11, 8, 16]},
        "bwe": _SNAKE
        | {
            "upsample_initial_channel": 16,
            "upsample_rates": [6, 5, 8],
            "upsample_kernel_sizes": [12, 11, 16],
            "apply_final_activation": False,
            "input_sampling_rate": 16000,
            "output_sampling_rate": 48000,
            "hop_length": 80,
            "n_fft": 512,
            "win_size": 512,
            "num_mels": 64,
        },
    }
    return {
        "transformer": _TRANSFORMER | _TRANSFORMER_23,
        "scheduler": _SCHEDULER,
        "vae": vae,
        "audio_vae": _AUDIO_VAE,
        "vocoder": vocoder,
    }


def _encoder_blocks(last_multiplier: int) -> list[list[Any]]:
    """Four compressions: 2x space, 2x time, twice both; with the patch of 4 they give 32 in space and 8 in time."""
    kinds = (("space", 1), ("time", 1), ("all", 1), ("all", last_multiplier))
    blocks: list[list[Any]] = [["res_x", {"num_layers": 1}]]
    for kind, multiplier in kinds:
        blocks.append([f"compress_{kind}_res", {"multiplier": multiplier}])
        blocks.append(["res_x", {"num_layers": 1}])
    return blocks
