"""Required keys are never guessed, and a configuration must agree with the tensors beside it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from schemas.errors import CheckpointError
from tests.support.sparse import Entries, write_real
from tests.trainer.files.test_model_file import GOLDEN, edit_config
from trainer.files.model_file import TRANSFORMER_PREFIX, read_checkpoint
from trainer.files.transformer_config import REQUIRED, disagreements, has_audio, has_video, transformer_config

REAL = ["ltx-2-19b", "ltx-2.3-22b", "ltx-2.5-22b-transformer"]


@pytest.mark.parametrize("name", REAL)
def test_real_files_agree_with_their_configuration(tmp_path: Path, name: str) -> None:
    checkpoint = read_checkpoint(write_real(tmp_path, name))
    assert disagreements(checkpoint) == ()
    assert has_audio(checkpoint)
    assert has_video(checkpoint)


@pytest.mark.parametrize("family", ["2.0", "2.3", "2.5"])
def test_small_reference_checkpoints_agree(family: str) -> None:
    assert disagreements(read_checkpoint(GOLDEN / f"ltx{family}_tiny_checkpoint.safetensors")) == ()


@pytest.mark.parametrize("key", REQUIRED)
def test_required_keys(tmp_path: Path, key: str) -> None:
    checkpoint = read_checkpoint(write_real(tmp_path, "ltx-2.3-22b", edit_config(transformer={key: None})))
    with pytest.raises(CheckpointError, match=f"lacks {key}"):
        transformer_config(checkpoint)


def test_another_kind_of_transformer(tmp_path: Path) -> None:
    change = edit_config(transformer={"share_ff": True, "qk_norm": "layer_norm"})
    checkpoint = read_checkpoint(write_real(tmp_path, "ltx-2.3-22b", change))
    with pytest.raises(CheckpointError, match="qk_norm = 'layer_norm', share_ff = True"):
        transformer_config(checkpoint)


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"apply_gated_attention": False}, "holds transformer_blocks.0.attn1.to_gate_logits.weight"),
        ({"ff_bias": False}, "holds transformer_blocks.0.ff.net.2.bias"),
        ({"use_prompt_adaln_single": False}, "holds prompt_adaln_single"),
        ({"use_keyframes_abs_pos_embedding": True}, "lacks keyframes_abs_pos_embedding"),
        ({"caption_proj_before_connector": False}, "lacks caption_projection"),
        ({"cross_attention_adaln": False}, "holds transformer_blocks.0.prompt_scale_shift_table"),
        ({"num_layers": 47}, "says 47 blocks, the file holds 48"),
        ({"num_attention_heads": 16}, "patchify_proj.weight has the shape [4096, 128]"),
        ({"audio_attention_head_dim": 128}, "audio_patchify_proj.weight has the shape [2048, 128]"),
        ({"in_channels": 64}, "64 channels"),
    ],
)
def test_disagreements(tmp_path: Path, change: dict[str, Any], expected: str) -> None:
    found = disagreements(read_checkpoint(write_real(tmp_path, "ltx-2.3-22b", edit_config(transformer=change))))
    assert any(expected in message for message in found), found


def test_missing_tensor(tmp_path: Path) -> None:
    name = "transformer_blocks.30.attn2.to_v.weight"
    path = write_real(tmp_path, "ltx-2.3-22b", lambda entries: entries.pop(TRANSFORMER_PREFIX + name))
    assert disagreements(read_checkpoint(path)) == (f"1 tensors are missing, the first is {name}",)


def test_video_only_file(tmp_path: Path) -> None:
    """A file without its audio branch is sound by itself; whether audio is needed is the run's question."""

    def change(entries: Entries) -> None:
        for name in [name for name in entries if "audio" in name or "av_ca" in name or "video_to" in name]:
            del entries[name]

    checkpoint = read_checkpoint(write_real(tmp_path, "ltx-2.3-22b", change))
    assert not has_audio(checkpoint)
    assert disagreements(checkpoint) == ()
