from __future__ import annotations

import json
import logging
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from transformers import Gemma3ForConditionalGeneration

from schemas.errors import CheckpointError, EnvironmentFault, UsageError
from tests.support.sparse import write_real
from trainer.demo.gemma import write_tiny_gemma
from trainer.files.checkpoint import ModelFiles
from trainer.model import text_encoder
from trainer.model.text_encoder import load_text_encoder
from trainer.model.text_residence import Residence

EIGHT = Residence("8bit")
PROMPTS = ["  a red cube \n", "", "rain on a tin roof"]


def encoder_files(place: Path | None, kind: str | None = "directory") -> ModelFiles:
    nowhere = Path("unused")
    return ModelFiles(nowhere, None, None, (nowhere,), (nowhere,), place, kind)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def gemma(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tiny_gemma(tmp_path_factory.mktemp("gemma"))


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_hidden_states_are_those_of_the_whole_model(gemma: Path, dtype: torch.dtype) -> None:
    encoder = load_text_encoder(encoder_files(gemma), dtype=dtype, max_length=48)
    states, mask = encoder.encode(PROMPTS)
    whole = Gemma3ForConditionalGeneration.from_pretrained(gemma, dtype=dtype).eval()
    tokens = encoder.tokenize(PROMPTS)
    with torch.no_grad():
        output = whole(input_ids=tokens.ids_BS, attention_mask=tokens.mask_BS, output_hidden_states=True)
    assert states.shape == (3, 48, whole.config.text_config.hidden_size, len(output.hidden_states))
    assert torch.equal(states, torch.stack(output.hidden_states, dim=-1))
    assert torch.equal(mask, tokens.mask_BS)
    assert states.dtype == dtype


def test_no_vision_weight_is_held(gemma: Path) -> None:
    encoder = load_text_encoder(encoder_files(gemma))
    assert isinstance(encoder.model, nn.Module)
    stored = load_file(gemma / "model.safetensors")
    language = [name for name in stored if name.startswith("language_model.")]
    assert any("vision" in name for name in stored)
    assert len(encoder.model.state_dict()) == len(language)


def test_tokens_are_stripped_started_and_padded_on_the_left(gemma: Path) -> None:
    encoder = load_text_encoder(encoder_files(gemma), max_length=16)
    tokens = encoder.tokenize(PROMPTS)
    bos, pad = encoder.tokenizer.bos_token_id, encoder.tokenizer.pad_token_id
    for row, mask in zip(tokens.ids_BS.tolist(), tokens.mask_BS.tolist(), strict=True):
        padding = mask.count(0)
        assert mask == [0] * padding + [1] * (16 - padding)
        assert row[:padding] == [pad] * padding
        assert row[padding] == bos
        assert bos not in row[padding + 1 :]
    assert tokens.ids_BS.dtype == tokens.mask_BS.dtype == torch.int64
    assert tokens.mask_BS.sum(1).tolist() == [1 + len("a red cube"), 1, 16]
    assert encoder.tokenizer.decode(tokens.ids_BS[0][tokens.mask_BS[0].bool()][1:]) == "a red cube"


def test_a_missing_start_is_put_in(gemma: Path) -> None:
    """A tokenizer that does not add the beginning-of-text token itself, as Gemma 4's."""
    encoder = load_text_encoder(encoder_files(gemma), max_length=16)
    expected = encoder.tokenize(["cat"])
    encoder.tokenizer.add_bos_token = False
    encoder.tokenizer.backend_tokenizer.post_processor = None
    assert torch.equal(encoder.tokenize(["cat"]).ids_BS, expected.ids_BS)


def test_a_long_prompt_is_cut_and_reported(gemma: Path, caplog: pytest.LogCaptureFixture) -> None:
    encoder = load_text_encoder(encoder_files(gemma), max_length=8)
    with caplog.at_level(logging.WARNING):
        tokens = encoder.tokenize(["abcdefghijkl", "abc"])
    assert tokens.cut == (0,)
    assert tokens.ids_BS.shape == (2, 8)
    assert encoder.tokenizer.decode(tokens.ids_BS[0][1:]) == "abcdefg"
    assert "13 tokens cut to 8" in caplog.text


def test_1024_is_the_length_unless_asked_otherwise(gemma: Path) -> None:
    assert load_text_encoder(encoder_files(gemma)).tokenize(["x"]).ids_BS.shape == (1, 1024)


def test_weights_in_shards_and_under_newer_names(gemma: Path, tmp_path: Path) -> None:
    expected, _ = load_text_encoder(encoder_files(gemma), max_length=16).encode(PROMPTS)
    for name in ("config.json", "tokenizer.json", "tokenizer_config.json"):
        (tmp_path / name).write_bytes((gemma / name).read_bytes())
    tensors = {
        name.replace("language_model.model.", "model.language_model."): value
        for name, value in load_file(gemma / "model.safetensors").items()
    }
    shards: dict[str, dict[str, Tensor]] = {
        "model-00001-of-00002.safetensors": {},
        "model-00002-of-00002.safetensors": {},
    }
    for index, (name, value) in enumerate(tensors.items()):
        list(shards.values())[index % 2][name] = value
    for name, part in shards.items():
        save_file(part, tmp_path / name, metadata={"format": "pt"})
    weight_map = {key: name for name, part in shards.items() for key in part}
    (tmp_path / "model.safetensors.index.json").write_text(json.dumps({"weight_map": weight_map}))
    found, _ = load_text_encoder(encoder_files(tmp_path), max_length=16).encode(PROMPTS)
    assert torch.equal(found, expected)


def test_a_missing_weight_is_named(gemma: Path, tmp_path: Path) -> None:
    for path in gemma.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    tensors = load_file(gemma / "model.safetensors")
    del tensors["language_model.model.layers.1.mlp.up_proj.weight"]
    save_file(tensors, tmp_path / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(CheckpointError, match=r"lacks language_model\.model\.layers\.1\.mlp\.up_proj\.weight"):
        load_text_encoder(encoder_files(tmp_path))


def test_what_cannot_be_read_is_explained(gemma: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no text encoder is configured"):
        load_text_encoder(encoder_files(None, None))
    packed = write_real(tmp_path, "ltx-2.5-22b-text-encoder")
    with pytest.raises(CheckpointError, match="not supported yet"):
        load_text_encoder(encoder_files(packed, "packed"))


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA device here")
def test_eight_bits_need_a_cuda_device(gemma: Path) -> None:
    for device in ("cpu", "cuda"):
        with pytest.raises(EnvironmentFault, match="8 bit"):
            load_text_encoder(encoder_files(gemma), residence=EIGHT, device=device)


def test_eight_bit_weights_stay_near_the_whole(
    gemma: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The same path as on a CUDA device, taken on the CPU: only the guard in front of it is lifted."""
    monkeypatch.setattr(text_encoder, "check_8bit", lambda _: None)
    plain, _ = load_text_encoder(encoder_files(gemma), max_length=16).encode(PROMPTS)
    encoder = load_text_encoder(encoder_files(gemma), residence=EIGHT, max_length=16)
    assert isinstance(encoder.model, nn.Module)
    layers = [module for module in encoder.model.modules() if isinstance(module, nn.Linear)]
    assert len(layers) == 7 * 3
    assert {layer.weight.dtype for layer in layers} == {torch.int8}
    with caplog.at_level(logging.WARNING):
        rounded, _ = encoder.encode(PROMPTS)
    assert "MatMul8bitLt" not in caplog.text  # the library repeats itself for every layer of every prompt
    assert 0 < (plain - rounded).float().std() < 0.1 * plain.float().std()


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_eight_bits_stay_near_the_whole(gemma: Path) -> None:
    plain, _ = load_text_encoder(encoder_files(gemma), device="cuda", max_length=32).encode(PROMPTS)
    rounded, _ = load_text_encoder(encoder_files(gemma), device="cuda", residence=EIGHT, max_length=32).encode(PROMPTS)
    assert (plain - rounded).float().std() < 0.1 * plain.float().std()
