"""The text encoder: needed or not, complete, and a match."""

from __future__ import annotations

import json

from tests.support.sparse import Entries, write_real, write_sparse
from tests.trainer.files.test_gemma import write_gemma
from tests.trainer.preflight.world import World, codes, only
from trainer.files.headers import read_header


def test_missing_is_an_error_only_with_samples(world: World) -> None:
    assert only(world.check("model.text_encoder_path=null"), "text-encoder-missing").severity == "error"
    assert codes(world.check("model.text_encoder_path=null", "validation.samples=[]")) == []
    assert codes(world.check("model.text_encoder_path=null", "validation.interval=null")) == []
    dropping = "training_strategy.caption_dropout=0.1"
    found = only(world.check("model.text_encoder_path=null", "validation.samples=[]", dropping), "text-encoder-missing")
    assert "captions are dropped" in found.message


def test_wrong_path(world: World) -> None:
    found = only(world.check(f"model.text_encoder_path={world.root}/none"), "path-missing")
    assert (found.path, found.severity) == ("model.text_encoder_path", "error")
    found = only(world.check(f"model.text_encoder_path={world.root}/none", "validation.samples=[]"), "path-missing")
    assert found.severity == "warning"


def test_incomplete_directory(world: World) -> None:
    (world.gemma / "b.safetensors").unlink()
    assert "lacks b.safetensors" in only(world.check(), "text-encoder-invalid").message


def test_another_size(world: World) -> None:
    world.gemma = write_gemma(world.root / "gemma-12b")
    assert "expects 192 text features" in only(world.check(), "text-encoder-mismatch").message


def test_packed_gemma_4_for_an_older_model(world: World) -> None:
    world.gemma = write_real(world.root, "ltx-2.5-22b-text-encoder")
    found = only(world.check(), "text-encoder-mismatch")
    assert "Gemma 3" in found.message
    assert found.exit_code == 3


def test_nothing_vouches_for_it(world: World) -> None:
    header = read_header(world.model)
    entries: Entries = {"__metadata__": {**header.metadata, "model_version": "2.5.0"}}
    entries |= {name: [info.dtype, list(info.shape)] for name, info in header.tensors.items()}
    world.model = write_sparse(world.root / "x.safetensors", entries)
    assert only(world.check(), "text-encoder-unproven").severity == "warning"


def test_extractor(world: World) -> None:
    header = read_header(world.model)
    entries: Entries = {"__metadata__": dict(header.metadata)}
    for name, info in header.tensors.items():
        if not name.startswith("text_embedding_projection."):
            entries[name] = [info.dtype, list(info.shape)]
    world.model = write_sparse(world.root / "x.safetensors", entries)
    only(world.check(), "extractor-missing")


def test_config_of_the_encoder_is_damaged(world: World) -> None:
    (world.gemma / "config.json").write_text(json.dumps({"model_type": "llama"}), "utf-8")
    assert "llama" in only(world.check(), "text-encoder-invalid").message
