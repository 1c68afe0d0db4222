"""From the state dicts of diffusers' modules to the tensor names of the published files (the writing direction).

The published names are those of the safetensors headers; reading them back is the loader's business, which must
invert this without a rest. Every function takes and returns whole state dicts.
"""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor

State = Mapping[str, Tensor]

# Whole path segments of the transformer (diffusers -> published).
_TRANSFORMER = {
    "audio_proj_in": "audio_patchify_proj",
    "proj_in": "patchify_proj",
    "av_cross_attn_video_scale_shift": "av_ca_video_scale_shift_adaln_single",
    "av_cross_attn_video_a2v_gate": "av_ca_a2v_gate_adaln_single",
    "av_cross_attn_audio_scale_shift": "av_ca_audio_scale_shift_adaln_single",
    "av_cross_attn_audio_v2a_gate": "av_ca_v2a_gate_adaln_single",
    "audio_prompt_adaln": "audio_prompt_adaln_single",
    "prompt_adaln": "prompt_adaln_single",
    "audio_time_embed": "audio_adaln_single",
    "time_embed": "adaln_single",
    "video_a2v_cross_attn_scale_shift_table": "scale_shift_table_a2v_ca_video",
    "audio_a2v_cross_attn_scale_shift_table": "scale_shift_table_a2v_ca_audio",
    "norm_q": "q_norm",
    "norm_k": "k_norm",
}
_CONNECTORS = {
    "text_proj_in": "text_embedding_projection.aggregate_embed",
    "video_text_proj_in": "text_embedding_projection.video_aggregate_embed",
    "audio_text_proj_in": "text_embedding_projection.audio_aggregate_embed",
    "video_connector": "model.diffusion_model.video_embeddings_connector",
    "audio_connector": "model.diffusion_model.audio_embeddings_connector",
    "transformer_blocks": "transformer_1d_blocks",
    "norm_q": "q_norm",
    "norm_k": "k_norm",
}
_VOCODER = {
    "conv_in": "conv_pre",
    "conv_out": "conv_post",
    "act_out": "act_post",
    "resnets": "resblocks",
    "upsamplers": "ups",
}
_STATISTICS = {
    "latents_mean": "per_channel_statistics.mean-of-means",
    "latents_std": "per_channel_statistics.std-of-means",
}


def transformer_names(state: State) -> dict[str, Tensor]:
    """``model.diffusion_model.*``."""
    return {f"model.diffusion_model.{_segments(key, _TRANSFORMER)}": value for key, value in state.items()}


def connector_names(state: State) -> dict[str, Tensor]:
    """``text_embedding_projection.*`` and the two ``*_embeddings_connector``."""
    return {_segments(key, _CONNECTORS): value for key, value in state.items()}


def video_vae_names(state: State) -> dict[str, Tensor]:
    """``vae.*``: the published files number residual and resampling blocks in one list."""
    middle = 2 * len({key.split(".")[2] for key in state if key.startswith("encoder.down_blocks.")})
    return {f"vae.{_video_vae_name(key, middle)}": value for key, value in state.items()}


def audio_vae_names(state: State) -> dict[str, Tensor]:
    """``audio_vae.*``: only the statistics are named differently."""
    return {f"audio_vae.{_STATISTICS.get(key, key)}": value for key, value in state.items()}


def vocoder_names(state: State) -> dict[str, Tensor]:
    """``vocoder.*``; with bandwidth extension a second ``vocoder.`` and ``bwe_generator.`` follow."""
    return {f"vocoder.{_vocoder_name(key)}": value for key, value in state.items()}


def _segments(key: str, names: Mapping[str, str]) -> str:
    return ".".join(names.get(part, part) for part in key.split("."))


def _video_vae_name(key: str, encoder_middle: int) -> str:
    if key in _STATISTICS:
        return _STATISTICS[key]
    side, block, *rest = key.replace("resnets", "res_blocks").split(".")
    blocks = "down_blocks" if side == "encoder" else "up_blocks"
    if block == "mid_block":
        number = encoder_middle if side == "encoder" else 0
        return ".".join((side, blocks, str(number), *rest))
    if block != blocks:
        return ".".join((side, block, *rest))
    stage, part, *inner = rest
    resampling = part in ("downsamplers", "upsamplers")
    # The encoder ends a stage with its resampler, the decoder (after its own middle block) begins with it.
    number = 2 * int(stage) + (int(resampling) if side == "encoder" else 1 + int(not resampling))
    return ".".join((side, blocks, str(number), *(inner[1:] if resampling else (part, *inner))))


def _vocoder_name(key: str) -> str:
    return _segments(key, _VOCODER).replace("downsample.filter", "downsample.lowpass.filter")
