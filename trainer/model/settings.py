"""The transformer's configuration in an official file, turned into the arguments of the diffusers classes."""

from __future__ import annotations

from typing import Any

from trainer.files.checkpoint import Checkpoint, transformer_config
from trainer.model.section import Section


def transformer_section(checkpoint: Checkpoint) -> Section:
    """The transformer's section, its required and fixed keys checked."""
    return Section(checkpoint.path, "transformer", transformer_config(checkpoint))


def transformer_arguments(checkpoint: Checkpoint) -> dict[str, Any]:
    """Arguments of ``LtxTransformer`` from the file's ``transformer`` section."""
    section = transformer_section(checkpoint)
    time, height, width = section.integers("positional_embedding_max_pos", 3)
    gated, modulated = section.flag("apply_gated_attention", False), section.flag("cross_attention_adaln", False)
    inner_captions = not section.flag("caption_proj_before_connector", False)
    heads, audio_heads = section.integer("num_attention_heads"), section.integer("audio_num_attention_heads")
    if heads != audio_heads:
        raise section.bad("audio_num_attention_heads", f"as many as num_attention_heads ({heads})")
    arguments = {
        "in_channels": section.integer("in_channels"),
        "out_channels": section.integer("out_channels"),
        "num_attention_heads": heads,
        "attention_head_dim": section.integer("attention_head_dim"),
        "cross_attention_dim": section.integer("cross_attention_dim"),
        "pos_embed_max_pos": time,
        "base_height": height,
        "base_width": width,
        "gated_attn": gated,
        "cross_attn_mod": modulated,
        "audio_in_channels": section.integer(
            "audio_in_channels" if "audio_in_channels" in section else "audio_out_channels"
        ),
        "audio_out_channels": section.integer("audio_out_channels"),
        "audio_num_attention_heads": audio_heads,
        "audio_attention_head_dim": section.integer("audio_attention_head_dim"),
        "audio_cross_attention_dim": section.integer("audio_cross_attention_dim"),
        "audio_pos_embed_max_pos": section.integers("audio_positional_embedding_max_pos", 1)[0],
        "audio_gated_attn": gated,
        "audio_cross_attn_mod": modulated,
        "num_layers": section.integer("num_layers"),
        "norm_eps": section.number("norm_eps"),
        "use_prompt_embeddings": inner_captions,
        "timestep_scale_multiplier": section.number("timestep_scale_multiplier"),
        "cross_attn_timestep_scale_multiplier": section.number("av_ca_timestep_scale_multiplier"),
        "ff_bias": section.flag("ff_bias", True),
        "audio_ff_bias": section.flag("audio_ff_bias", True),
        "use_prompt_adaln_single": section.flag("use_prompt_adaln_single", True),
        "use_keyframes_abs_pos_embedding": section.flag("use_keyframes_abs_pos_embedding", False),
        **_rope(section),
    }
    return arguments | ({"caption_channels": section.integer("caption_channels")} if inner_captions else {})


def connector_arguments(section: Section, modality: str) -> dict[str, Any]:
    """Arguments of one text connector (``LTX2ConnectorTransformer1d``) of "video" or "audio".

    2.0 has no keys of its own for audio: there the audio connector is as wide as the video one.
    """
    prefix = "audio_connector" if modality == "audio" else "connector"

    def size(key: str) -> int:
        own = f"{prefix}_{key}"
        return section.integer(own if own in section else f"connector_{key}")

    rope = _rope(section)
    return {
        "num_attention_heads": size("num_attention_heads"),
        "attention_head_dim": size("attention_head_dim"),
        "num_layers": size("num_layers"),
        "rope_base_seq_len": section.integers("connector_positional_embedding_max_pos", 1)[0],
        "rope_theta": rope["rope_theta"],
        "rope_double_precision": rope["rope_double_precision"],
        "rope_type": rope["rope_type"],
        "gated_attention": section.flag("connector_apply_gated_attention", False),
    }


def _rope(section: Section) -> dict[str, Any]:
    """Only split rotary positions are known: no published model has others, and nothing here was checked on them."""
    return {
        "rope_theta": section.number("positional_embedding_theta"),
        "rope_double_precision": section.choice("frequencies_precision", "float64", "float32") == "float64",
        "rope_type": section.choice("rope_type", "split"),
    }
