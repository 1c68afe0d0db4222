"""Model files: missing, damaged, quantised, without what the run needs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.support.sparse import Entries, write_real, write_sparse
from tests.trainer.files.test_model_file import edit_config
from tests.trainer.preflight.world import World, codes, only, strategy
from trainer.files.headers import read_header


def changed(world: World, change: Any) -> Path:
    """The small checkpoint with other header entries (and without weights)."""
    header = read_header(world.model)
    entries: Entries = {"__metadata__": dict(header.metadata)}
    entries |= {name: [info.dtype, list(info.shape)] for name, info in header.tensors.items()}
    change(entries)
    world.model = write_sparse(world.root / "changed.safetensors", entries)
    return world.model


def drop(*parts: str) -> Any:
    def change(entries: Entries) -> None:
        for name in [name for name in entries if any(part in name for part in parts)]:
            del entries[name]

    return change


def test_nothing_to_say(world: World) -> None:
    report = world.check()
    assert codes(report) == []
    assert report.ok
    assert report.exit_code == 0


def test_missing_file(world: World) -> None:
    world.model = world.root / "models" / "ltx.safetensors"
    found = only(world.check(), "path-missing")
    assert (found.path, found.exit_code) == ("model.model_path", 2)
    assert f"{world.root} exists and holds no 'models'" in found.hint


@pytest.mark.parametrize(
    ("content", "expected"), [(b"", "empty"), (b"GGUF" + bytes(90), "GGUF"), (b"version https://git-lfs", "git-lfs")]
)
def test_damaged_file(world: World, content: bytes, expected: str) -> None:
    world.model = world.root / "x.safetensors"
    world.model.write_bytes(content)
    found = only(world.check(), "checkpoint-invalid")
    assert expected in found.message
    assert found.exit_code == 3


def test_a_part_instead_of_the_model(world: World) -> None:
    world.model = write_real(world.root, "ltx-2.5-22b-video-vae")
    found = only(world.check(), "checkpoint-not-a-transformer")
    assert "video-vae" in found.message


def test_quantised(world: World) -> None:
    def change(entries: Entries) -> None:
        for name in entries:
            if name.endswith("attn1.to_k.weight") and "transformer_blocks" in name:
                entries[name][0] = "F8_E4M3"

    changed(world, change)
    assert "fp8" in only(world.check(), "checkpoint-quantised").message


def test_distilled_is_a_warning(world: World) -> None:
    world.model = _linked(world, "ltx-distilled.safetensors")
    found = only(world.check(), "checkpoint-distilled")
    assert found.severity == "warning"


def _linked(world: World, name: str) -> Path:
    path = world.root / name
    path.symlink_to(world.model)
    return path


def test_required_key_is_not_guessed(world: World) -> None:
    changed(world, edit_config(transformer={"rope_type": None}))
    assert "lacks rope_type" in only(world.check(), "checkpoint-config").message


def test_config_and_tensors_disagree(world: World) -> None:
    changed(world, edit_config(transformer={"apply_gated_attention": False}))
    assert "to_gate_logits" in only(world.check(), "checkpoint-config").message


AUDIO_PARTS = (
    "audio_patchify",
    "audio_attn",
    "audio_ff",
    "audio_adaln",
    "audio_prompt",
    "audio_proj_out",
    "av_ca",
    "_to_",
)


def test_checkpoint_without_audio(world: World) -> None:
    changed(world, drop("model.diffusion_model.audio_patchify_proj"))
    report = world.check()
    found = next(problem for problem in report.problems if problem.code == "checkpoint-without-audio")
    assert found.path == "training_strategy.audio"
    assert found.exit_code == 3


def test_video_only_run_on_a_checkpoint_without_audio(world: World) -> None:
    changed(world, drop("audio_vae.", "vocoder."))
    report = world.check("validation.generate_audio=false", training_strategy=strategy(with_audio=False))
    assert codes(report) == []


def test_connectors(world: World) -> None:
    changed(world, drop("audio_embeddings_connector"))
    found = only(world.check(), "connectors-missing")
    assert "audio text connector" in found.message


def test_part_paths(world: World) -> None:
    report = world.check(f"model.video_vae_path={world.root}/none.safetensors")
    assert only(report, "path-missing").path == "model.video_vae_path"
    wrong = write_real(world.root, "ltx-2.5-22b-audio-vae")
    report = world.check(f"model.video_vae_path={wrong}")
    assert only(report, "model-part-wrong").path == "model.video_vae_path"
    (world.root / "zero.safetensors").write_bytes(b"")
    report = world.check(f"model.audio_vae_path={world.root}/zero.safetensors")
    assert only(report, "model-part-invalid").path == "model.audio_vae_path"


def test_vae_of_another_model(world: World) -> None:
    vae = write_real(world.root, "ltx-2.5-22b-video-vae-conv")
    found = only(world.check(f"model.video_vae_path={vae}"), "vae-channels")
    assert "makes 128 channels, the transformer takes 16" in found.message


def test_gradient_checkpointing_matters_for_real_sizes(world: World) -> None:
    assert "no-gradient-checkpointing" not in codes(world.check("optimization.enable_gradient_checkpointing=false"))
    world.model = write_real(world.root, "ltx-2.3-22b")
    assert "no-gradient-checkpointing" in codes(world.check("optimization.enable_gradient_checkpointing=false"))
