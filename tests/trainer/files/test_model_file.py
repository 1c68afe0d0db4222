"""Layout and family of every published file and of the small reference checkpoints."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from schemas.errors import CheckpointError
from tests.support.sparse import Entries, write_real, write_sparse
from trainer.files.model_file import read_checkpoint, version_tuple

GOLDEN = Path(__file__).parents[2] / "golden"
REAL = {
    "ltx-2-19b": ("unified", "2.0", None, None),
    "ltx-2.3-22b": ("unified", "2.3", "2.3.0", None),
    "ltx-2.5-22b-transformer": ("split-transformer", "2.5", "2.5.0", "gemma4-12b-ltx-v1"),
    "ltx-2.5-22b-video-vae": ("video-vae", "2.5", "2.5.0", None),
    "ltx-2.5-22b-video-vae-conv": ("video-vae", "2.5", "2.5.0", None),
    "ltx-2.5-22b-audio-vae": ("audio-vae", "2.5", "2.5.0", None),
    "ltx-2.5-22b-text-encoder": ("text-encoder", "2.5", None, None),
}


@pytest.mark.parametrize("name", REAL)
def test_real_files(tmp_path: Path, name: str) -> None:
    found = read_checkpoint(write_real(tmp_path, name))
    assert (found.layout, found.family, found.model_version, found.gemma_stamp) == REAL[name]
    assert found.quantisation is None


@pytest.mark.parametrize("family", ["2.0", "2.3", "2.5"])
def test_small_reference_checkpoints(family: str) -> None:
    found = read_checkpoint(GOLDEN / f"ltx{family}_tiny_checkpoint.safetensors")
    assert (found.layout, found.family) == ("unified", family)


def edit_config(**sections: Any) -> Any:
    """A change of the stored ``config``: a section given as None is removed, otherwise updated."""

    def change(entries: Entries) -> None:
        config = json.loads(entries["__metadata__"]["config"])
        for name, values in sections.items():
            if values is None:
                del config[name]
            else:
                config[name].update(values)
        entries["__metadata__"]["config"] = json.dumps(config)

    return change


def without_metadata(*keys: str) -> Any:
    def change(entries: Entries) -> None:
        for key in keys:
            del entries["__metadata__"][key]

    return change


@pytest.mark.parametrize(
    ("name", "family"),
    [("ltx-2.5-22b-video-vae", "2.5"), ("ltx-2.5-22b-video-vae-conv", "2.3"), ("ltx-2.5-22b-audio-vae", "2.3")],
)
def test_a_part_without_a_version_is_judged_by_its_structure(tmp_path: Path, name: str, family: str) -> None:
    """The conv VAE and the vocoder of 2.5 are those of 2.3, so nothing tells them apart."""
    assert read_checkpoint(write_real(tmp_path, name, without_metadata("model_version"))).family == family


def test_structure_outweighs_a_wrong_version(tmp_path: Path) -> None:
    def change(entries: Entries) -> None:
        entries["__metadata__"]["model_version"] = "2.5.0"

    assert read_checkpoint(write_real(tmp_path, "ltx-2-19b", change)).family == "2.0"


def test_transformer_tensors_are_without_prefix_and_connectors(tmp_path: Path) -> None:
    tensors = read_checkpoint(write_real(tmp_path, "ltx-2.3-22b")).transformer_tensors
    assert len(tensors) == 4186
    assert "transformer_blocks.47.audio_ff.net.2.weight" in tensors
    assert not any("embeddings_connector" in name for name in tensors)


def test_other_files_are_refused_with_what_they_are(tmp_path: Path) -> None:
    lora = {"diffusion_model.transformer_blocks.0.attn1.to_k.lora_A.weight": ["F32", [2, 4]]}
    with pytest.raises(CheckpointError, match="is a LoRA"):
        read_checkpoint(write_sparse(tmp_path / "lora.safetensors", lora))
    with pytest.raises(CheckpointError, match="diffusers"):
        read_checkpoint(
            write_sparse(tmp_path / "d.safetensors", {"transformer_blocks.0.attn1.to_k.weight": ["F32", [1]]})
        )
    with pytest.raises(CheckpointError, match="no LTX-2 'config'"):
        read_checkpoint(write_sparse(tmp_path / "o.safetensors", {"w": ["F32", [1]]}))


def test_config_that_is_not_an_object(tmp_path: Path) -> None:
    def change(entries: Entries) -> None:
        entries["__metadata__"]["config"] = "[1, 2]"

    with pytest.raises(CheckpointError, match="not a JSON object"):
        read_checkpoint(write_real(tmp_path, "ltx-2-19b", change))


def test_missing_section_is_named(tmp_path: Path) -> None:
    checkpoint = read_checkpoint(write_real(tmp_path, "ltx-2-19b", edit_config(audio_vae=None)))
    with pytest.raises(CheckpointError, match="no configuration for 'audio_vae'"):
        checkpoint.section("audio_vae")


@pytest.mark.parametrize(
    ("text", "numbers"), [("2.3.0", (2, 3, 0)), ("v2.5", (2, 5)), ("2.5.0-rc1", (2, 5, 0)), ("x", ()), ("", ())]
)
def test_version_tuple(text: str, numbers: tuple[int, ...]) -> None:
    assert version_tuple(text) == numbers
