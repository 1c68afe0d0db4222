"""Names of transformer modules: as in the official files and as in diffusers.

Files, LoRA exports and LoRA targets speak the official names; the modules in memory carry the diffusers names. The
two differ in whole dotted components only, so the map works on module names, parameter names and LoRA keys alike
and is exact in both directions.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

LORA_PREFIX: Final = "diffusion_model."
"""Before every key of a published LoRA file."""

_TO_DIFFUSERS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "patchify_proj": "proj_in",
        "audio_patchify_proj": "audio_proj_in",
        "adaln_single": "time_embed",
        "audio_adaln_single": "audio_time_embed",
        "prompt_adaln_single": "prompt_adaln",
        "audio_prompt_adaln_single": "audio_prompt_adaln",
        "av_ca_video_scale_shift_adaln_single": "av_cross_attn_video_scale_shift",
        "av_ca_audio_scale_shift_adaln_single": "av_cross_attn_audio_scale_shift",
        "av_ca_a2v_gate_adaln_single": "av_cross_attn_video_a2v_gate",
        "av_ca_v2a_gate_adaln_single": "av_cross_attn_audio_v2a_gate",
        "scale_shift_table_a2v_ca_video": "video_a2v_cross_attn_scale_shift_table",
        "scale_shift_table_a2v_ca_audio": "audio_a2v_cross_attn_scale_shift_table",
        "q_norm": "norm_q",
        "k_norm": "norm_k",
    }
)
_TO_OFFICIAL: Final[Mapping[str, str]] = MappingProxyType({new: old for old, new in _TO_DIFFUSERS.items()})


def diffusers_name(official: str) -> str:
    """``transformer_blocks.0.attn1.q_norm`` -> ``transformer_blocks.0.attn1.norm_q``; no prefix in, none out."""
    return _translate(official, _TO_DIFFUSERS)


def official_name(module: str) -> str:
    """The inverse of :func:`diffusers_name`."""
    return _translate(module, _TO_OFFICIAL)


def _translate(name: str, table: Mapping[str, str]) -> str:
    return ".".join(table.get(part, part) for part in name.split("."))
