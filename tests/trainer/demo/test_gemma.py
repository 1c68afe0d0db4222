"""The tiny Gemma directory loads through transformers as Google's does."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from transformers import AutoTokenizer, Gemma3ForConditionalGeneration

from trainer.demo.gemma import write_tiny_gemma
from trainer.demo.official_config import TEXT_HIDDEN, TEXT_STATES


@pytest.fixture(scope="module")
def gemma(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tiny_gemma(tmp_path_factory.mktemp("gemma") / "gemma")


def test_tokenizer_starts_with_bos_pads_left_and_loses_nothing(gemma: Path) -> None:
    tokenizer = AutoTokenizer.from_pretrained(gemma)
    text = "Ein Käse, 猫 & a cat"
    ids = tokenizer(text)["input_ids"]
    assert ids[0] == tokenizer.bos_token_id == 2
    assert ids[-1] != tokenizer.eos_token_id
    assert tokenizer.decode(ids, skip_special_tokens=True) == text
    padded = tokenizer(text, padding="max_length", max_length=64)
    assert padded["attention_mask"] == [0] * (64 - len(ids)) + [1] * len(ids)


def test_transformers_loads_every_weight(gemma: Path) -> None:
    model, report = Gemma3ForConditionalGeneration.from_pretrained(gemma, output_loading_info=True)
    assert not report["missing_keys"]
    assert not report["unexpected_keys"]
    with safe_open(gemma / "model.safetensors", "pt") as file:
        stored = file.get_tensor("language_model.model.layers.1.mlp.up_proj.weight")
        prefixes = {name.split(".")[0] for name in file.keys()}  # noqa: SIM118
    assert prefixes == {"language_model", "vision_tower", "multi_modal_projector"}
    loaded = model.model.language_model.layers[1].mlp.up_proj.weight
    assert torch.equal(loaded.to(stored.dtype), stored)
    with torch.no_grad():
        states = model.model.language_model(torch.tensor([[2, 5, 6]]), output_hidden_states=True).hidden_states
    assert [tuple(state.shape) for state in states] == [(1, 3, TEXT_HIDDEN)] * TEXT_STATES


def test_seed_decides_the_weights(gemma: Path, tmp_path: Path) -> None:
    same, other = write_tiny_gemma(tmp_path / "same"), write_tiny_gemma(tmp_path / "other", seed=1)
    weights = "model.safetensors"
    assert (same / weights).read_bytes() == (gemma / weights).read_bytes()
    assert (other / weights).read_bytes() != (gemma / weights).read_bytes()
