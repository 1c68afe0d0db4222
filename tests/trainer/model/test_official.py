from __future__ import annotations

import pytest
from torch import nn

from tests.goldens.tiny_io import GoldenIo
from tests.support.sparse import real_entries
from trainer.files.checkpoint import CONNECTOR_PREFIXES, TRANSFORMER_PREFIX
from trainer.model.official import diffusers_name, official_name


@pytest.mark.parametrize("name", ["ltx-2-19b", "ltx-2.3-22b", "ltx-2.5-22b-transformer"])
def test_the_map_is_one_to_one_on_all_published_keys(name: str) -> None:
    keys = [
        key.removeprefix(TRANSFORMER_PREFIX)
        for key in real_entries(name)
        if key.startswith(TRANSFORMER_PREFIX) and not key.startswith(CONNECTOR_PREFIXES)
    ]
    ours = [diffusers_name(key) for key in keys]
    assert len(keys) > 3000
    assert len(set(ours)) == len(keys)
    assert [official_name(key) for key in ours] == keys


def test_every_linear_module_has_an_official_name_of_its_own(golden: GoldenIo) -> None:
    modules = [name for name, module in golden.transformer.named_modules() if isinstance(module, nn.Linear)]
    official = [official_name(name) for name in modules]
    assert len(set(official)) == len(modules)
    assert [diffusers_name(name) for name in official] == modules
    assert "transformer_blocks.0.attn1.to_out.0" in official
    assert "patchify_proj" in official


def test_names_that_differ() -> None:
    assert official_name("transformer_blocks.3.audio_attn2.norm_k.weight") == (
        "transformer_blocks.3.audio_attn2.k_norm.weight"
    )
    assert diffusers_name("av_ca_v2a_gate_adaln_single.linear.bias") == "av_cross_attn_audio_v2a_gate.linear.bias"
    assert diffusers_name("transformer_blocks.0.scale_shift_table_a2v_ca_audio") == (
        "transformer_blocks.0.audio_a2v_cross_attn_scale_shift_table"
    )
    assert diffusers_name("scale_shift_table") == "scale_shift_table"
