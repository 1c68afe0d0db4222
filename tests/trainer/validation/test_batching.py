"""Passes of a step as rows of one batch: the same numbers, and only as many as memory holds."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest
import torch
from torch import Tensor

from tests.trainer.validation.conftest import GOLDEN
from trainer.files.checkpoint import resolve_model_files
from trainer.model.inputs import Modalities
from trainer.model.loading import load_transformer
from trainer.model.transformer import LtxTransformer
from trainer.validation.batching import first_that_fits, passes_at_once, row_bytes, rows_in
from trainer.validation.conditions import Start, audio_start, video_start
from trainer.validation.guidance import Guidance, Scales
from trainer.validation.sampler import Track, Tracks, predict
from trainer.validation.space import LatentSpace

CHECKPOINT = GOLDEN / "ltx2.3_tiny_checkpoint.safetensors"
GUIDANCE = Guidance(Scales(3, 1, 3), Scales(7, 0.5, 3), frozenset({0}), 0.7)


@dataclass(frozen=True)
class _Paths:
    model_path: Path
    text_encoder_path: Path | None = None
    video_vae_path: Path | None = None
    audio_vae_path: Path | None = None


FILES = resolve_model_files(_Paths(CHECKPOINT))


@pytest.fixture(scope="module")
def transformer() -> LtxTransformer:
    return load_transformer(FILES, dtype=torch.float32).eval()


def _random(*shape: int, seed: int) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def _track(start: Start, width: int, seed: int) -> Track:
    state = start.state
    noised = start.noised(_random(1, state.count, state.tokens.shape[2], seed=seed))
    return Track(noised, _random(1, 6, width, seed=seed + 1), _random(1, 6, width, seed=seed + 2), start.frozen)


def _tracks(video_frames: int = 2) -> Tracks:
    space = LatentSpace.of(FILES)
    empty = torch.zeros(1, space.channels, video_frames, 2, 2)
    video = video_start(empty, 24.0, space.scale, [], mark_keyframes=False)
    audio = audio_start(torch.zeros(1, space.audio_channels, 5, space.audio_bins), [])
    return Tracks(_track(video, 64, 1), _track(audio, 32, 5))


@pytest.mark.parametrize("at_once", [2, 3, 4])
def test_rows_of_a_batch_are_the_passes_one_by_one(transformer: LtxTransformer, at_once: int) -> None:
    tracks = _tracks()
    with torch.no_grad():
        alone = predict(transformer, tracks, GUIDANCE, 0.7, block_count=2)
        together = predict(transformer, tracks, GUIDANCE, 0.7, block_count=2, at_once=at_once)
    for modality in ("video", "audio"):
        assert list(together[modality].passes) == ["cond", "uncond", "perturbed", "isolated"]
        for name, expected in alone[modality].passes.items():
            torch.testing.assert_close(together[modality].passes[name], expected, rtol=0, atol=1e-5)
        # Each weakening does something, so a mask on the wrong row would be seen.
        found = together[modality].passes
        for name in ("uncond", "perturbed", "isolated"):
            assert float((found[name] - found["cond"]).abs().max()) > 1e-3, (modality, name)
        torch.testing.assert_close(together[modality].x0, alone[modality].x0, rtol=0, atol=1e-4)


def test_one_modality_alone() -> None:
    held = load_transformer(FILES, modalities=Modalities(audio=False), dtype=torch.float32).eval()
    tracks = Tracks(_tracks().video, None)
    with torch.no_grad():
        alone = predict(held, tracks, GUIDANCE, 0.7, block_count=2)["video"].x0
        together = predict(held, tracks, GUIDANCE, 0.7, block_count=2, at_once=3)["video"].x0
    torch.testing.assert_close(together, alone, rtol=0, atol=1e-4)


def test_how_many_fit(transformer: LtxTransformer) -> None:
    assert [rows_in(free, 100, 4) for free in (0, 99, 250, 399, 400, 10_000)] == [1, 1, 2, 3, 4, 4]
    one, two = row_bytes(transformer, _tracks(2)), row_bytes(transformer, _tracks(3))
    assert 0 < one < two
    assert passes_at_once(transformer, _tracks(), 4, torch.device("cpu")) == 4


def test_one_by_one_when_memory_runs_out() -> None:
    tried: list[int] = []

    def work(at_once: int) -> str:
        tried.append(at_once)
        if at_once > 1:
            raise RuntimeError("CUDA error: out of memory")
        return "sampled"

    assert first_that_fits(work, 4, torch.device("cpu")) == "sampled"
    assert tried == [4, 1]

    def never(at_once: int) -> None:
        raise torch.OutOfMemoryError(f"no memory left for {at_once}")

    with pytest.raises(torch.OutOfMemoryError, match="for 1"):
        first_that_fits(never, 1, torch.device("cpu"))

    def wrong(at_once: int) -> None:
        raise RuntimeError(f"a bug with {at_once}")

    with pytest.raises(RuntimeError, match="bug with 4"):
        first_that_fits(wrong, 4, torch.device("cpu"))
