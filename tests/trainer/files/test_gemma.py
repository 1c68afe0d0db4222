"""Text encoders: what they are, and which checkpoints they go with."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from schemas.errors import CheckpointError
from tests.support.sparse import Entries, write_real, write_sparse
from trainer.files.gemma import compatibility, extractor_width, read_text_encoder
from trainer.files.model_file import Checkpoint, read_checkpoint

GEMMA_3: dict[str, Any] = {"model_type": "gemma3", "text_config": {"hidden_size": 3840, "num_hidden_layers": 48}}


def write_gemma(directory: Path, config: dict[str, Any] | None = None) -> Path:
    """A text-encoder folder of two (empty) shards."""
    directory.mkdir(parents=True)
    (directory / "config.json").write_text(json.dumps(GEMMA_3 if config is None else config), "utf-8")
    (directory / "tokenizer.json").write_text("{}", "utf-8")
    for shard in ("a.safetensors", "b.safetensors"):
        write_sparse(directory / shard, {shard: ["BF16", [1]]})
    weight_map = {"weight_map": {"x": "a.safetensors", "y": "b.safetensors"}}
    (directory / "model.safetensors.index.json").write_text(json.dumps(weight_map), "utf-8")
    return directory


def stamped(tmp_path: Path, name: str, **metadata: str | None) -> Checkpoint:
    def change(entries: Entries) -> None:
        for key, value in metadata.items():
            entries["__metadata__"].pop(key, None)
            if value is not None:
                entries["__metadata__"][key] = value

    return read_checkpoint(write_real(tmp_path, name, change))


def test_directory(tmp_path: Path) -> None:
    info = read_text_encoder(write_gemma(tmp_path / "g"))
    assert (info.kind, info.model_type, info.version) == ("directory", "gemma3", None)
    assert (info.hidden_size, info.layers, info.feature_width) == (3840, 48, 188160)


def test_packed(tmp_path: Path) -> None:
    info = read_text_encoder(write_real(tmp_path, "ltx-2.5-22b-text-encoder"))
    assert (info.kind, info.model_type, info.version) == ("packed", "gemma4_unified", "gemma4-12b-ltx-v1")
    assert info.feature_width == 188160


def remove(name: str) -> Any:
    return lambda directory: (directory / name).unlink()


def write(name: str, text: str) -> Any:
    return lambda directory: (directory / name).write_text(text, "utf-8")


@pytest.mark.parametrize(
    ("damage", "expected"),
    [
        (remove("config.json"), "is missing"),
        (remove("tokenizer.json"), "no tokenizer"),
        (remove("b.safetensors"), "lacks b.safetensors"),
        (write("b.safetensors", ""), "empty"),
        (write("config.json", "{"), "is not JSON"),
        (write("config.json", "[]"), "not a JSON object"),
        (write("config.json", '{"model_type": "llama"}'), "is a llama model"),
        (write("config.json", '{"model_type": "gemma3", "text_config": {}}'), "does not say hidden_size"),
        (write("model.safetensors.index.json", "{}"), "index without weights"),
    ],
)
def test_damaged_directories(tmp_path: Path, damage: Any, expected: str) -> None:
    directory = write_gemma(tmp_path / "g")
    damage(directory)
    with pytest.raises(CheckpointError, match=expected):
        read_text_encoder(directory)


def test_directory_without_index_needs_weights(tmp_path: Path) -> None:
    directory = write_gemma(tmp_path / "g")
    (directory / "model.safetensors.index.json").unlink()
    assert read_text_encoder(directory).layers == 48
    for shard in directory.glob("*.safetensors"):
        shard.unlink()
    with pytest.raises(CheckpointError, match=r"no \.safetensors"):
        read_text_encoder(directory)


def test_a_file_that_is_not_packed(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="not a packed text encoder"):
        read_text_encoder(write_real(tmp_path, "ltx-2.5-22b-video-vae"))


def test_packed_file_without_tokenizer(tmp_path: Path) -> None:
    path = write_real(tmp_path, "ltx-2.5-22b-text-encoder", lambda entries: entries.pop("tokenizer_json"))
    with pytest.raises(CheckpointError, match="lacks tokenizer_json"):
        read_text_encoder(path)


def test_stamped_model_wants_exactly_its_encoder(tmp_path: Path) -> None:
    packed = read_text_encoder(write_real(tmp_path, "ltx-2.5-22b-text-encoder"))
    assert compatibility(stamped(tmp_path, "ltx-2.5-22b-transformer"), packed) is None
    other = stamped(tmp_path, "ltx-2.5-22b-transformer", gemma_source_checkpoint='{"gemma_version": "gemma4-v2"}')
    found = compatibility(other, packed)
    assert found is not None
    assert found.fatal
    assert "gemma4-v2" in found.message
    found = compatibility(other, read_text_encoder(write_gemma(tmp_path / "g")))
    assert found is not None
    assert "gemma3 without a version" in found.message


def test_unstamped_newer_model(tmp_path: Path) -> None:
    model = stamped(tmp_path, "ltx-2.5-22b-transformer", gemma_source_checkpoint=None)
    with_version = compatibility(model, read_text_encoder(write_real(tmp_path, "ltx-2.5-22b-text-encoder")))
    without = compatibility(model, read_text_encoder(write_gemma(tmp_path / "g")))
    assert with_version is not None
    assert with_version.fatal
    assert without is not None
    assert not without.fatal


@pytest.mark.parametrize("name", ["ltx-2-19b", "ltx-2.3-22b"])
def test_older_models_want_gemma_3(tmp_path: Path, name: str) -> None:
    model = read_checkpoint(write_real(tmp_path, name))
    assert extractor_width(model) == 188160
    assert compatibility(model, read_text_encoder(write_gemma(tmp_path / "g"))) is None
    found = compatibility(model, read_text_encoder(write_real(tmp_path, "ltx-2.5-22b-text-encoder")))
    assert found is not None
    assert found.fatal
    assert "Gemma 3" in found.message


def test_gemma_3_of_another_size(tmp_path: Path) -> None:
    small = {"model_type": "gemma3", "text_config": {"hidden_size": 2560, "num_hidden_layers": 34}}
    found = compatibility(
        read_checkpoint(write_real(tmp_path, "ltx-2.3-22b")), read_text_encoder(write_gemma(tmp_path / "g", small))
    )
    assert found is not None
    assert found.fatal
    assert "35 states of 2560" in found.message
