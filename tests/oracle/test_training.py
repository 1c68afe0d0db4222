"""The training step: the oracle against real memory, and the formula against the oracle."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from tests.oracle.predicted import predict_training
from tests.oracle.training import Case, measure_training

torch.set_num_threads(1)

TINY = Case(tiny=True, video=(3, 4, 4), audio=12, text=16, rank=4)
TOLERANCE = 0.01
RESIDENT = ("weights", "adapter", "optimizer")


def check(case: Case, *, passing: float = 0.03) -> None:
    """Total within 1 %; what is not there all the time within ``passing``."""
    measured, predicted = measure_training(case).peak, predict_training(case)
    total = sum(predicted.values())
    assert total == pytest.approx(measured.total, rel=TOLERANCE)
    for name in RESIDENT:
        # Buffers and step counters are the only difference.
        assert predicted[name] == pytest.approx(measured.by_kind.get(name, 0), rel=1e-3, abs=2e6)
    moving = total - sum(predicted[name] for name in RESIDENT)
    assert moving == pytest.approx(
        measured.total - sum(measured.by_kind.get(name, 0) for name in RESIDENT), rel=passing
    )


@pytest.mark.parametrize(
    "case",
    [
        pytest.param(replace(TINY, layers=1), id="lora"),
        pytest.param(replace(TINY, full=True, family="2.5"), id="full", marks=pytest.mark.slow),
        pytest.param(replace(TINY, checkpointing=False, family="2.0"), id="no-checkpointing", marks=pytest.mark.slow),
        pytest.param(replace(TINY, audio=None, autocast=False, batch=2), id="fp32-video", marks=pytest.mark.slow),
    ],
)
def test_fake_tensors_count_like_real_ones(case: Case) -> None:
    fake, real = measure_training(case), measure_training(case, fake=False)
    assert fake.backward.total == real.backward.total
    assert fake.forward.total == real.forward.total
    assert fake.optimizer.total == real.optimizer.total


@pytest.mark.parametrize(
    "case",
    [
        pytest.param(Case(family="2.3", layers=2), id="2.3-av"),
        pytest.param(
            Case(family="2.0", layers=1, checkpointing=False, video=(4, 18, 18), rank=32), id="2.0-no-checkpointing"
        ),
        pytest.param(
            Case(family="2.5", layers=1, audio=None, video=(7, 17, 30), per_token=True, batch=2),
            id="2.5-video-per-token",
        ),
        pytest.param(Case(family="2.3", layers=2, video=None, audio=500, full=True), id="2.3-audio-full"),
        pytest.param(
            Case(family="2.3", layers=3, swapped=3, recomputed=2, quantization="int8-quanto"), id="swapped-int8"
        ),
    ],
)
def test_formula_agrees_with_the_oracle(case: Case) -> None:
    check(case)


SPREAD = [
    Case(family=family, layers=layers, video=video, audio=audio, batch=batch, rank=rank)
    for family, layers, video, audio, batch, rank in [
        ("2.0", 2, (7, 18, 18), 51, 1, 16),
        ("2.3", 2, (12, 17, 30), 93, 1, 32),
        ("2.5", 2, (16, 22, 40), 126, 1, 64),
        ("2.5", 3, (4, 16, 16), 26, 2, 8),
        ("2.3", 3, (12, 14, 24), 93, 2, 128),
        ("2.0", 3, (7, 18, 18), 51, 4, 32),
        ("2.3", 3, (1, 24, 24), 1, 2, 16),
    ]
] + [
    Case(family="2.3", checkpointing=False, video=(12, 17, 30), audio=93),
    Case(family="2.5", checkpointing=False, audio=None, batch=2),
    Case(family="2.3", full=True, layers=3),
    Case(family="2.0", full=True, checkpointing=False),
    Case(family="2.3", autocast=False),
    Case(family="2.3", per_token=True, video=(12, 17, 30)),
    Case(family="2.0", per_token=True, checkpointing=False),
    Case(family="2.5", per_token=True, full=True),
    Case(family="2.5", generates=("audio",)),
    Case(family="2.3", generates=("video",), audio=93),
    Case(family="2.0", video=None, audio=1500),
    Case(family="2.3", accumulating=True, rank=64),
    Case(family="2.3", dropout=0.1),
    Case(family="2.3", targets=("attn1.to_q", "ff.net.0.proj", "ff.net.2"), rank=64),
    Case(family="2.5", targets=("audio_attn1.to_k", "audio_ff.net.2", "video_to_audio_attn.to_v")),
    Case(family="2.3", text=256),
    Case(family="2.0", layers=5, generates=("audio",)),
    Case(family="2.3", layers=5, generates=("video",), audio=93),
    Case(family="2.3", layers=5, checkpointing=False),
    Case(family="2.3", layers=6, recomputed=2),
    Case(family="2.0", layers=6, recomputed=4, rank=64, video=(12, 17, 30), audio=93),
    Case(family="2.5", layers=4, recomputed=1, per_token=True),
    Case(family="2.3", layers=3, recomputed=2, full=True),
    Case(family="2.3", layers=4, recomputed=2, accumulating=True),
    Case(family="2.3", layers=6, swapped=4),
    Case(family="2.5", layers=5, swapped=5, batch=2),
    Case(family="2.0", layers=4, swapped=3, checkpointing=False),
    Case(family="2.3", layers=2, swapped=2, video=None, audio=500),
    Case(family="2.3", quantization="int8-quanto"),
    Case(family="2.5", quantization="fp8-quanto", checkpointing=False),
    Case(family="2.3", layers=3, quantization="int4-quanto"),
    Case(family="2.0", layers=3, quantization="int2-quanto"),
    Case(family="2.3", layers=6, swapped=4, recomputed=3, quantization="int4-quanto"),
]


@pytest.mark.slow
@pytest.mark.parametrize("case", SPREAD, ids=repr)
def test_formula_agrees_over_many_shapes(case: Case) -> None:
    check(case, passing=0.05)


@pytest.mark.slow
def test_formula_agrees_for_the_whole_model() -> None:
    check(Case(family="2.3", layers=48))


@pytest.mark.slow
def test_formula_agrees_for_the_whole_model_on_a_small_card() -> None:
    check(Case(family="2.3", layers=48, swapped=28, quantization="int8-quanto"))
