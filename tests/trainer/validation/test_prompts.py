"""Prompts through text encoder, extractor and connectors."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from trainer.files.checkpoint import ModelFiles
from trainer.model.inputs import Modalities
from trainer.model.text_encoder import TextEncoder
from trainer.validation.entries import Entries
from trainer.validation.prompts import PromptContext, PromptEncoder

PROMPTS = ("a red square moves", "", "rain on a tin roof")


def encode(files: ModelFiles, cache: Path, dtype: torch.dtype, *, streamed: bool = False) -> dict[str, PromptContext]:
    encoder = PromptEncoder(files, Entries(cache), Modalities(), torch.device("cpu"), dtype, streamed=streamed)
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
