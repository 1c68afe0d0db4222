"""The objective against the reference's tensors, and what a step is made of."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from schemas.errors import DataError
from tests.goldens import objective, schedules
from trainer.files.checkpoint import VaeScale
from trainer.objective.batch import Batch, RandomDraws, TextContext
from trainer.objective.sigma import UniformSigma
from trainer.objective.strategy import Losses, ModalityPlan, Strategy, StrategyPlan
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


def test_dropped_captions_are_replaced_by_the_empty_one_sample_by_sample() -> None:
    empty = TextContext(torch.full((1, 3, 6), 7.0), torch.full((1, 3, 5), 8.0), None)
    plan = replace(BOTH, caption_dropout=0.5)
    built = Strategy(plan, UniformSigma(), VaeScale(32, 8), mark_keyframes=False, empty_caption=empty)
    seen = set()
    for number in range(10):
        step = built.prepare(batch(4), RandomDraws(range(4), sample_stream(1, 0, number)))
        assert step.video is not None
        assert step.audio is not None
        video, audio = step.video.inputs.context_BSD, step.audio.inputs.context_BSD
        for sample in range(4):
            dropped = bool(video[sample].any())
            assert torch.equal(video[sample], empty.of("video")[0] if dropped else torch.zeros(3, 6))
            assert torch.equal(audio[sample], empty.of("audio")[0] if dropped else torch.zeros(3, 5))
            seen.add(dropped)
    assert seen == {True, False}


def test_an_empty_caption_of_another_length_is_an_error() -> None:
    empty = TextContext(torch.zeros(1, 4, 6), torch.zeros(1, 4, 5), None)
    plan = replace(BOTH, caption_dropout=1.0)
    built = Strategy(plan, UniformSigma(), VaeScale(32, 8), mark_keyframes=False, empty_caption=empty)
    with pytest.raises(DataError, match="captions have 3 positions, the empty one that replaces them 4"):
        built.prepare(batch(1), RandomDraws([0], sample_stream(1, 0, 0)))


def test_weights_scale_each_modality_in_the_sum() -> None:
    losses = Losses(torch.tensor([1.0, 2.0]), torch.tensor([4.0, 8.0]), 0.5, 0.25)
    assert losses.total().tolist() == [1.5, 3.0]
    assert Losses(None, torch.tensor([4.0])).total().tolist() == [4.0]
