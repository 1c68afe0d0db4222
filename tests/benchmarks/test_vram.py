"""The benchmark of memory: its predictions keep to the bars, and its random model is one that trains."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from benchmarks import vram
from benchmarks.vram import CHECKED, Row, matrix_table
from benchmarks.vram_card import Taken, attempt, given, random_weights
from benchmarks.vram_oracle import _case, _peak, fake_step
from presets.memory import GIB, ClipSize, estimate
from schemas.errors import EnvironmentFault
from tests.goldens.tiny_io import model_files
from tests.trainer.loop.world import CHECKPOINT
from trainer.files.checkpoint import read_checkpoint
from trainer.model.loading import load_transformer
from trainer.preflight.model_shape import model_shape


@pytest.mark.parametrize(("tier", "bar"), [(32, 28.0), (24, 22.0), (16, 14.5)])
def test_small_tiers_keep_to_their_bars_in_every_phase(tier: int, bar: float) -> None:
    found = Row(tier, 16, CHECKED).predicted()
    assert set(found.phases) == set(vram.PHASES)
    assert found.peak_bytes <= bar * GIB


def test_the_matrix_has_a_line_for_each_tier_and_rank() -> None:
    _title, _space, head, rule, *lines = matrix_table()
    assert len(lines) == len(vram.TIERS) * len(vram.RANKS)
    assert {line.count("|") for line in (head, rule, *lines)} == {len(vram.SIZES) + 3}


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (EnvironmentFault("bitsandbytes cannot be used", hint="install it"), "bitsandbytes cannot be used"),
        (torch.OutOfMemoryError("no memory left"), "out of memory"),
        (RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED"), "out of memory"),
    ],
)
def test_a_row_that_cannot_be_measured_says_why(error: Exception, said: str) -> None:
    def work() -> Taken:
        raise error

    assert attempt(work) == said


def test_a_row_with_a_bug_ends_the_table() -> None:
    def work() -> Taken:
        raise RuntimeError("shapes cannot be multiplied")

    with pytest.raises(RuntimeError, match="shapes"):
        attempt(work)
    assert attempt(lambda: Taken(1, 2, 3.0)) == Taken(1, 2, 3.0)


def test_the_random_model_computes() -> None:
    torch.set_num_threads(1)
    with random_weights():
        model = load_transformer(model_files(CHECKPOINT), dtype=torch.bfloat16)
    weights = [parameter for parameter in model.parameters() if parameter.numel() > 1000]
    assert all(0.01 < float(weight.float().std()) < 0.03 for weight in weights)
    row = Row(80, 16, CHECKED)
    job = replace(row.job(), model=model_shape(read_checkpoint(CHECKPOINT)), clip=ClipSize(64, 64, 9))
    job = replace(job, run=replace(job.run, audio_tokens=7, text_tokens=128))
    with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
        video, audio = model(*given(job, model, torch.device("cpu")))
    assert video is not None
    assert audio is not None
    assert video.shape[:2] == (1, 8)
    assert audio.shape[:2] == (1, 7)
    assert bool(torch.isfinite(video).all())


@pytest.mark.slow
@pytest.mark.parametrize("swapped", [0, 5])
def test_the_line_through_few_blocks_meets_many(swapped: int) -> None:
    job = Row(24, 16, (256, 256, 9)).job()
    run = replace(job.run, optimizer="adamw", swapped=swapped)
    job = replace(job, model=replace(job.model, layers=8), run=run)
    exact = _peak(replace(_case(job), layers=8, swapped=swapped))
    assert fake_step(job) == pytest.approx(exact, rel=1e-3)
    assert estimate(job).total("training_step") == pytest.approx(exact, rel=1e-2)
