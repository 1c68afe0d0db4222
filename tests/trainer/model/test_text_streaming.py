"""The text encoder layer by layer: the same numbers, little memory, and when it is chosen."""

from __future__ import annotations

import weakref
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from schemas.errors import CheckpointError
from tests.trainer.model.test_text_encoder import PROMPTS, encoder_files
from trainer.demo.gemma import write_tiny_gemma
from trainer.model import streaming, text_encoder
from trainer.model.streaming import LayerFeed, StreamedModel
from trainer.model.text_encoder import load_text_encoder, open_text_encoder
from trainer.model.text_residence import Residence, Size, choose

STREAMED = Residence("streamed")
GIB = 2**30
GEMMA = Size(
    embedding=262_208 * 3840,
    rest=11_766_034_176 - 262_208 * 3840,
    states=1024 * 3840 * 49,
    width=1024 * 3840,
)
"""Gemma 3 12B."""
CARD, HOST = torch.device("cuda", 0), torch.device("cpu")


@pytest.fixture(scope="module")
def gemma(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tiny_gemma(tmp_path_factory.mktemp("gemma"))


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_the_numbers_are_those_of_the_whole_model(gemma: Path, dtype: torch.dtype) -> None:
    prompts = [*PROMPTS, "x" * 60, "a longer caption, with a comma"]
    whole = load_text_encoder(encoder_files(gemma), dtype=dtype, max_length=48)
    streamed = load_text_encoder(encoder_files(gemma), dtype=dtype, max_length=48, residence=STREAMED)
    found = list(streamed.each(prompts))
    assert len(found) == len(prompts)
    for (states, mask), prompt in zip(found, prompts, strict=True):
        expected, expected_mask = whole.encode([prompt])
        assert torch.equal(states, expected)
        assert states.dtype == dtype
        assert torch.equal(mask, expected_mask)
        assert mask.dtype == torch.int64


def test_one_call_gives_one_batch(gemma: Path) -> None:
    streamed = load_text_encoder(encoder_files(gemma), max_length=16, residence=STREAMED)
    states, mask = streamed.encode(PROMPTS)
    each = list(streamed.each(PROMPTS))
    assert torch.equal(states, torch.cat([one for one, _ in each]))
    assert torch.equal(mask, torch.cat([one for _, one in each]))


def test_weights_are_read_once_for_many_prompts_and_again_when_the_host_is_small(
    gemma: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    streamed = load_text_encoder(encoder_files(gemma), max_length=16, residence=STREAMED)
    assert isinstance(streamed.model, StreamedModel)
    told: list[str] = []
    expected = list(streamed.each(PROMPTS, told.append))
    layers = len(streamed.model._layers)
    assert told == [f"layer {index} of {layers}, prompts 1 to 3 of 3" for index in range(1, layers + 1)]
    room = streamed.model.kept_bytes(16) * 2
    monkeypatch.setattr(text_encoder, "free_bytes", lambda _: room / text_encoder._HOST_SHARE)
    told.clear()
    found = list(streamed.each(PROMPTS, told.append))
    assert len(told) == 2 * layers
    assert told[-1] == f"layer {layers} of {layers}, prompts 3 to 3 of 3"
    for (one, _), (other, _) in zip(expected, found, strict=True):
        assert torch.equal(one, other)


def test_no_more_than_two_layers_are_there(gemma: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every tensor that is made while layers pass through is a view into one of the two slots."""
    seen: set[int] = set()
    bring = LayerFeed.__iter__

    def watched(feed: LayerFeed) -> Iterator[Mapping[str, Tensor]]:
        for weights in bring(feed):
            seen.update(tensor.untyped_storage().data_ptr() for tensor in weights.values())
            yield weights

    monkeypatch.setattr(LayerFeed, "__iter__", watched)
    streamed = load_text_encoder(encoder_files(gemma), max_length=16, residence=STREAMED)
    streamed.encode(PROMPTS)
    assert len(seen) == 2
    assert isinstance(streamed.model, StreamedModel)
    held = sum(tensor.nbytes for tensor in streamed.model._frame.state_dict().values())
    assert held == 64 * 2  # the last norm


def test_a_failing_layer_leaves_no_thread_and_no_file_open(gemma: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[weakref.ref[Any]] = []
    really = streaming._opened

    def open_(path: Path) -> Any:
        file = really(path)
        opened.append(weakref.ref(file))
        return file

    def fail(*_: object) -> None:
        raise RuntimeError("no more")

    monkeypatch.setattr(streaming, "_opened", open_)
    streamed = load_text_encoder(encoder_files(gemma), max_length=16, residence=STREAMED)
    with pytest.raises(RuntimeError, match="no more"):
        list(streamed.each(PROMPTS, fail))
    assert opened
    assert all(ref() is None or ref().closed for ref in opened)  # type: ignore[union-attr]


def test_a_missing_or_cut_off_weight_is_named(gemma: Path, tmp_path: Path) -> None:
    for path in gemma.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    tensors = load_file(gemma / "model.safetensors")
    del tensors["language_model.model.layers.1.mlp.up_proj.weight"]
    save_file(tensors, tmp_path / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(CheckpointError, match=r"lacks language_model\.model\.layers\.1\.mlp\.up_proj\.weight"):
        load_text_encoder(encoder_files(tmp_path), residence=STREAMED)
    (tmp_path / "model.safetensors").write_bytes((gemma / "model.safetensors").read_bytes())
    streamed = load_text_encoder(encoder_files(tmp_path), residence=STREAMED)
    with (tmp_path / "model.safetensors").open("r+b") as file:
        file.truncate(file.seek(0, 2) // 2)
    with pytest.raises(CheckpointError, match="ends in the middle of"):
        streamed.encode(PROMPTS)


@pytest.mark.parametrize(
    ("device", "wish", "gigabytes", "expected"),
    [
        (CARD, {"in_8bit": False}, 31, "whole"),
        (CARD, {"in_8bit": False}, 23.5, "streamed"),
        (CARD, {"in_8bit": True}, 15, "8bit"),
        (CARD, {"in_8bit": True}, 13, "streamed"),
        (CARD, {"in_8bit": True, "streamed": True}, 80, "streamed"),
        (HOST, {"in_8bit": True}, 31, "whole"),
        (HOST, {"in_8bit": False}, 16, "streamed"),
    ],
)
def test_it_streams_when_asked_and_when_it_does_not_fit(
    device: torch.device, wish: dict[str, bool], gigabytes: float, expected: str
) -> None:
    asked: dict[str, Any] = {"in_8bit": False, "streamed": False, "itemsize": 2, "beside": 0} | wish
    found = choose(GEMMA, device, free=int(gigabytes * GIB), **asked)
    assert found.kind == expected
    # What was not wished for is explained, and only that.
    surprising = expected != ("streamed" if asked["streamed"] else "8bit" if asked["in_8bit"] else "whole")
    assert bool(found.why) == surprising


def test_what_stands_beside_it_counts() -> None:
    asked = {"in_8bit": True, "streamed": False, "itemsize": 2, "free": 15 * GIB}
    assert choose(GEMMA, CARD, beside=0, **asked).kind == "8bit"  # type: ignore[arg-type]
    refused = choose(GEMMA, CARD, beside=3 * GIB, **asked)  # type: ignore[arg-type]
    assert refused == Residence("streamed", "in 8 bits it needs 15.7 GB and 15.0 are free on the card")
    assert "streamed layer by layer: in 8 bits it needs" in refused.words


def test_opening_measures_the_files_and_the_memory(gemma: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert open_text_encoder(encoder_files(gemma), "cpu").residence == Residence("whole")
    eight = open_text_encoder(encoder_files(gemma), "cpu", in_8bit=True).residence
    assert eight == Residence("whole", "its 8-bit layers need a CUDA device")
    assert open_text_encoder(encoder_files(gemma), "cpu", streamed=True).residence == STREAMED
    monkeypatch.setattr(text_encoder, "free_bytes", lambda _: 2**20)
    tight = open_text_encoder(encoder_files(gemma), "cpu", max_length=16)
    assert tight.residence.kind == "whole"
    assert open_text_encoder(encoder_files(gemma), "cpu", beside=2**20).residence.kind == "streamed"


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_on_a_card_the_numbers_are_the_same_too(gemma: Path) -> None:
    whole = load_text_encoder(encoder_files(gemma), device="cuda", max_length=48)
    streamed = load_text_encoder(encoder_files(gemma), device="cuda", max_length=48, residence=STREAMED)
    for _ in range(3):
        for (states, _mask), prompt in zip(streamed.each(PROMPTS), PROMPTS, strict=True):
            assert torch.equal(states, whole.encode([prompt])[0])
