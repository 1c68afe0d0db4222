"""The published configurations, turned into arguments."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.sparse import write_real
from trainer.files.checkpoint import read_checkpoint
from trainer.model.settings import connector_arguments, transformer_arguments, transformer_section


@pytest.mark.parametrize(
    ("name", "differing"),
    [
        ("ltx-2-19b", {"use_prompt_embeddings": True, "gated_attn": False, "cross_attn_mod": False, "ff_bias": True}),
        ("ltx-2.3-22b", {"use_prompt_embeddings": False, "gated_attn": True, "cross_attn_mod": True, "ff_bias": True}),
        (
            "ltx-2.5-22b-transformer",
            {
                "use_prompt_embeddings": False,
                "gated_attn": True,
                "cross_attn_mod": True,
                "ff_bias": False,
                "use_keyframes_abs_pos_embedding": True,
            },
        ),
    ],
)
def test_the_transformers_of_the_releases(tmp_path: Path, name: str, differing: dict[str, bool]) -> None:
    found = transformer_arguments(read_checkpoint(write_real(tmp_path, name)))
    common = {
        "num_layers": 48,
        "num_attention_heads": 32,
        "attention_head_dim": 128,
        "audio_attention_head_dim": 64,
        "in_channels": 128,
        "audio_in_channels": 128,
        "pos_embed_max_pos": 20,
        "base_height": 2048,
        "audio_pos_embed_max_pos": 20,
        "timestep_scale_multiplier": 1000,
        "cross_attn_timestep_scale_multiplier": 1000,
        "rope_type": "split",
        "rope_double_precision": True,
        "audio_ff_bias": True,
        "use_prompt_adaln_single": True,
    }
    expected = {"use_keyframes_abs_pos_embedding": False} | common | differing
    assert {key: found[key] for key in expected} == expected


def test_connectors_of_2_0_are_equally_wide_and_later_ones_are_not(tmp_path: Path) -> None:
    sizes = {}
    for name in ("ltx-2-19b", "ltx-2.3-22b"):
        section = transformer_section(read_checkpoint(write_real(tmp_path, name)))
        for modality in ("video", "audio"):
            found = connector_arguments(section, modality)
            sizes[name, modality] = (
                found["num_attention_heads"],
                found["attention_head_dim"],
                found["num_layers"],
                found["rope_base_seq_len"],
                found["gated_attention"],
            )
    assert sizes == {
        ("ltx-2-19b", "video"): (30, 128, 2, 4096, False),
        ("ltx-2-19b", "audio"): (30, 128, 2, 4096, False),
        ("ltx-2.3-22b", "video"): (32, 128, 8, 4096, True),
        ("ltx-2.3-22b", "audio"): (32, 64, 8, 4096, True),
    }
