"""The objective against the reference's tensors, and what a step is made of."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from tests.goldens import objective, schedules
from trainer.files.checkpoint import VaeScale
from trainer.objective.batch import Batch, RandomDraws, TextContext
from trainer.objective.sigma import UniformSigma
from trainer.objective.strategy import ModalityPlan, Strategy, StrategyPlan
from trainer.seeds import sample_stream

GOLDEN = Path(__file__).resolve().parents[2] / "golden"


@pytest.mark.parametrize("path", objective.files(GOLDEN), ids=lambda path: path.stem)
def test_the_objective_is_that_of_the_reference(path: Path) -> None:
    torch.set_num_threads(1)
    results = list(objective.run(path, None))
    assert len({item.case for item in results}) == 30
    tensors = {item.tensor for item in results}
    assert {"out.loss", "out.video.pred", "out.audio.positions", "out.video.targets"} <= tensors
    assert {"out.video.loss_mask", "out.video.sampler_tokens", "metadata.reference_downscale_factor"} <= tensors
    assert ("alt.loss" in tensors) == ("2.5" in path.name)
    assert [item for item in results if not item.ok] == []


def test_the_samplers_are_those_of_the_reference() -> None:
    results = [item for path in schedules.files(GOLDEN) for item in schedules.run(path, None)]
    assert len([item for item in results if item.case in ("sampler", "uniform")]) == 32
    assert [item for item in results if not item.ok] == []


def batch(size: int = 2) -> Batch:
    generator = torch.Generator().manual_seed(0)
    return Batch(
        names=tuple("abcd"[:size]),
        video_BCFHW=torch.randn(4, 4, 2, 2, 2, generator=generator)[:size],
        fps_B=torch.tensor([24.0, 25.0, 30.0, 24.0])[:size],
        audio_BCTM=torch.randn(4, 1, 5, 4, generator=generator)[:size],
        context=TextContext(torch.zeros(size, 3, 6), torch.zeros(size, 3, 5), None),
    )


def strategy(plan: StrategyPlan) -> Strategy:
    return Strategy(plan, UniformSigma(), VaeScale(32, 8), mark_keyframes=False)


BOTH = StrategyPlan(ModalityPlan(True), ModalityPlan(True))


def test_each_sample_draws_for_itself() -> None:
    stream = sample_stream(1, 0, 5)
    together = strategy(BOTH).prepare(batch(2), RandomDraws([0, 1], stream))
    assert together.video is not None
    assert together.audio is not None
    alone = strategy(BOTH).prepare(batch(1), RandomDraws([0], stream))
    assert alone.video is not None
    assert torch.equal(alone.video.state.tokens[0], together.video.state.tokens[0])
    assert len({*together.video.sigma_B.tolist(), *together.audio.sigma_B.tolist()}) == 4


def test_older_configurations_share_one_noise_level() -> None:
    plan = StrategyPlan(ModalityPlan(True), ModalityPlan(True), shared_sigma=True)
    step = strategy(plan).prepare(batch(), RandomDraws([0, 1], sample_stream(1, 0, 0)))
    assert step.video is not None
    assert step.audio is not None
    assert torch.equal(step.video.sigma_B, step.audio.sigma_B)


def test_a_frozen_modality_has_no_target_and_draws_nothing() -> None:
    frozen = StrategyPlan(ModalityPlan(True), ModalityPlan(False))
    stream = sample_stream(1, 0, 0)
    step = strategy(frozen).prepare(batch(), RandomDraws([0, 1], stream))
    both = strategy(BOTH).prepare(batch(), RandomDraws([0, 1], stream))
    assert step.audio is not None
    assert step.audio.target_BNC is None
    assert step.audio.sigma_B.tolist() == [0, 0]
    assert step.video is not None
    assert both.video is not None
    assert torch.equal(step.video.state.tokens, both.video.state.tokens)
    assert step.tokens == 2 * (8 + 5)
