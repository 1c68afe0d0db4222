"""Module names and LoRA sizes from headers, against the published totals and the built network."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.sparse import write_real
from tests.trainer.preflight.world import GOLDEN
from trainer.files.checkpoint import read_checkpoint
from trainer.preflight.modules import close_endings, linear_modules, match_targets, module_names, present

ALL4 = ["to_k", "to_q", "to_v", "to_out.0"]
VID8 = [f"{attention}.{name}" for attention in ("attn1", "attn2") for name in ALL4]
VID10 = [*VID8, "ff.net.0.proj", "ff.net.2"]
AUD10 = [f"audio_{name}" for name in VID10]
REAL = ["ltx-2-19b", "ltx-2.3-22b", "ltx-2.5-22b-transformer"]


@pytest.mark.parametrize("name", REAL)
def test_published_lora_totals(tmp_path: Path, name: str) -> None:
    modules = linear_modules(read_checkpoint(write_real(tmp_path, name)))
    by_name = {module.name: module for module in modules}

    def total(patterns: list[str], rank: int) -> int:
        hits = {hit for hits in match_targets(patterns, by_name).values() for hit in hits}
        return sum(by_name[hit].lora_parameters(rank) for hit in hits)

    assert [total(ALL4, rank) for rank in (16, 32, 64)] == [106_954_752, 213_909_504, 427_819_008]
    assert total(VID8, 32) == 100_663_296
    assert total(VID10, 32) == 163_577_856
    assert total(AUD10, 32) == 81_788_928


@pytest.mark.parametrize("name", REAL)
def test_branches_of_real_models(tmp_path: Path, name: str) -> None:
    modules = linear_modules(read_checkpoint(write_real(tmp_path, name)))
    video_only = {module.name for module in present(modules, video=True, audio=False)}
    audio_only = {module.name for module in present(modules, video=False, audio=True)}
    assert "transformer_blocks.47.ff.net.2" in video_only
    assert "transformer_blocks.47.audio_ff.net.2" in audio_only
    assert not any("audio" in found or "av_ca" in found for found in video_only)
    bridge = {module.name for module in modules} - video_only - audio_only
    attentions = {name for name in bridge if name.startswith("transformer_blocks.0.")}
    gates = 0 if name == "ltx-2-19b" else 2
    assert len(attentions) == 8 + gates
    assert len([found for found in bridge if "." in found and found.startswith("av_ca")]) == 12


def test_patterns_match_at_a_dot() -> None:
    names = ["a.attn1.to_k", "a.audio_attn1.to_k", "to_k", "a.not_to_k"]
    assert match_targets(["to_k", "attn1.to_k", "a.attn1.to_k", "x"], names) == {
        "to_k": ("a.attn1.to_k", "a.audio_attn1.to_k", "to_k"),
        "attn1.to_k": ("a.attn1.to_k",),
        "a.attn1.to_k": ("a.attn1.to_k",),
        "x": (),
    }


def test_close_endings() -> None:
    names = ["b.0.attn1.to_k", "b.0.attn1.to_out.0", "b.0.ff.net.0.proj"]
    assert close_endings("to_kk", names) == ["to_k"]
    assert close_endings("ff.net.0.project", names) == ["ff.net.0.proj"]
    assert close_endings("zzzz", names) == []


@pytest.mark.parametrize("family", ["2.0", "2.3", "2.5"])
@pytest.mark.parametrize(("video", "audio"), [(True, True), (True, False), (False, True)])
def test_the_built_network_has_exactly_these_modules(family: str, video: bool, audio: bool) -> None:
    """What is predicted from the header is what LoRA finds in memory."""
    from tests.trainer.files.test_components import Paths
    from trainer.files.checkpoint import resolve_model_files
    from trainer.model.inputs import Modalities
    from trainer.model.loading import load_transformer
    from trainer.model.lora import linear_modules as built_modules

    path = GOLDEN / f"ltx{family}_tiny_checkpoint.safetensors"
    built = load_transformer(resolve_model_files(Paths(path)), modalities=Modalities(video=video, audio=audio))
    assert set(built_modules(built)) == set(module_names(read_checkpoint(path), video=video, audio=audio))
