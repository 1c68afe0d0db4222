"""Prompts through text encoder, extractor and connectors."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from trainer.files.checkpoint import ModelFiles
from trainer.model.inputs import Modalities
from trainer.model.text_encoder import TextEncoder, open_text_encoder
from trainer.model.text_residence import Residence
from trainer.validation.entries import Entries
from trainer.validation.prompts import PromptContext, PromptEncoder

PROMPTS = ("a red square moves", "", "rain on a tin roof")


def encode(
    files: ModelFiles, cache: Path, dtype: torch.dtype, *, in_8bit: bool = False, streamed: bool = False
) -> dict[str, PromptContext]:
    encoder = PromptEncoder(files, Entries(cache), Modalities(), torch.device("cpu"), dtype, in_8bit, streamed)
    return encoder.encode(PROMPTS)


def test_streamed_prompts_are_the_same_and_share_their_entries(
    files: ModelFiles, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = encode(files, tmp_path / "whole", torch.bfloat16)
    streamed = encode(files, tmp_path / "streamed", torch.bfloat16, streamed=True)
    for prompt in PROMPTS:
        for one, other in (
            (whole[prompt].video_SD, streamed[prompt].video_SD),
            (whole[prompt].audio_SD, streamed[prompt].audio_SD),
        ):
            assert one is not None
            assert other is not None
            assert torch.equal(one, other)
    monkeypatch.delattr(TextEncoder, "each")
    encode(files, tmp_path / "whole", torch.bfloat16, streamed=True)


def test_what_was_to_be_8bit_and_is_not_has_the_name_of_what_it_is(
    files: ModelFiles, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A processor has no eight bits, so this is encoded whole."""
    wished = encode(files, tmp_path, torch.bfloat16, in_8bit=True)
    assert list(wished) == list(PROMPTS)
    names = set(tmp_path.rglob("*.safetensors"))
    assert len(names) == len(PROMPTS)
    monkeypatch.delattr(TextEncoder, "each")
    for in_8bit in (False, True):
        again = encode(files, tmp_path, torch.bfloat16, in_8bit=in_8bit)
        assert all(torch.equal(again[prompt].video_SD, wished[prompt].video_SD) for prompt in PROMPTS)  # type: ignore[arg-type]
    assert set(tmp_path.rglob("*.safetensors")) == names


def test_8bit_contexts_are_not_taken_for_exact_ones(
    files: ModelFiles, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def eight(*given: Any, **named: Any) -> TextEncoder:
        encoder = open_text_encoder(*given, **named)
        if named["in_8bit"]:
            encoder.residence = Residence("8bit")
        return encoder

    monkeypatch.setattr("trainer.validation.prompts.open_text_encoder", eight)
    encode(files, tmp_path, torch.bfloat16, in_8bit=True)
    eights = set(tmp_path.rglob("*.safetensors"))
    encode(files, tmp_path, torch.bfloat16, in_8bit=True)
    assert set(tmp_path.rglob("*.safetensors")) == eights
    encode(files, tmp_path, torch.bfloat16)
    assert len(set(tmp_path.rglob("*.safetensors")) - eights) == len(PROMPTS)


def test_the_text_encoder_computes_in_bf16_whatever_the_run_does(
    files: ModelFiles, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[torch.dtype] = []
    really = TextEncoder.encode

    def watched(self: TextEncoder, prompts: list[str]) -> tuple[torch.Tensor, torch.Tensor]:
        states, mask = really(self, prompts)
        seen.append(states.dtype)
        return states, mask

    monkeypatch.setattr(TextEncoder, "encode", watched)
    for dtype in (torch.bfloat16, torch.float16, torch.float32):
        encode(files, tmp_path / str(dtype), dtype)
    assert seen == [torch.bfloat16] * 9
