"""What stands ready before the first step; each test fails on a fault that the original trainer has."""

from __future__ import annotations

import gc
import weakref
from pathlib import Path
from typing import Any

import pytest
import torch

from schemas import LtxTrainerConfig, validate
from tests.trainer.loop.world import GOLDEN, config_data, write_clips
from trainer.loop.clips import batch_of
from trainer.loop.measuring import Measure
from trainer.loop.metrics import StepLosses, loss_metrics
from trainer.loop.setup import prepare
from trainer.model.text import TextConnectors, load_connectors
from trainer.objective.batch import RandomDraws
from trainer.objective.state import video_state
from trainer.seeds import sample_stream


def quiet(*_: object) -> None:
    """Progress nobody asked for."""


def config(root: Path, output: Path, **overrides: Any) -> LtxTrainerConfig:
    return validate(config_data(root, output, **overrides))


def test_connectors_are_gone_and_captions_carry_no_gradient(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The original ran its connectors inside every step with gradients on, which nobody ever used or cleared."""
    born: list[weakref.ref[TextConnectors]] = []

    def load(*args: Any, **kwargs: Any) -> TextConnectors:
        connectors = load_connectors(*args, **kwargs)
        born.append(weakref.ref(connectors))
        return connectors

    monkeypatch.setattr("trainer.loop.setup.load_connectors", load)
    root = write_clips(tmp_path / "data")
    prepared = prepare(config(root, tmp_path / "run"), warn=quiet, share=quiet)
    gc.collect()
    assert [reference() for reference in born] == [None]
    context = batch_of([prepared.clips.clip(0)]).context
    assert context.of("video").grad_fn is None
    assert not context.of("video").requires_grad
    assert not context.of("audio").requires_grad


@pytest.mark.parametrize(("family", "marked"), [("2.0", False), ("2.3", False), ("2.5", True)])
def test_training_sees_what_validation_shows(tmp_path: Path, family: str, marked: bool) -> None:
    """The original marked keyframes when sampling alone, and masked captions when training alone."""
    checkpoint = GOLDEN / f"ltx{family}_tiny_checkpoint.safetensors"
    root = write_clips(tmp_path / "data", checkpoint=checkpoint)
    built = Measure.build(config(root, tmp_path / "run", model__model_path=str(checkpoint)), draws=1)
    batch = batch_of([built.prepared.clips.clip(0)])
    step = built.strategy.prepare(batch, RandomDraws([0], sample_stream(0, 0, 0)))
    assert step.video is not None
    assert batch.video_BCFHW is not None
    given = step.video.inputs
    # As the validation runner builds its state.
    shown = video_state(
        torch.zeros_like(batch.video_BCFHW),
        torch.tensor([25.0], dtype=torch.float64),
        built.strategy.scale,
        mark_keyframes=bool(built.transformer.config.use_keyframes_abs_pos_embedding),
    )
    assert (given.keyframes_mask_BN1 is not None) == marked
    assert (shown.keyframes_mask is not None) == marked
    if marked:
        assert given.keyframes_mask_BN1 is not None
        assert shown.keyframes_mask is not None
        assert torch.equal(given.keyframes_mask_BN1, shown.keyframes_mask)
    assert torch.equal(given.positions_BANE, shown.positions)
    assert given.context_mask_BS is None


def test_sound_beside_a_given_video_is_filed_under_its_own_noise_level(clips: Path, tmp_path: Path) -> None:
    """The original filed it under the video's, which is 0."""
    frozen = config(clips, tmp_path / "run", training_strategy__video__is_generated=False)
    built = Measure.build(frozen, draws=1)
    losses = StepLosses()
    levels = []
    for draw in range(8):
        batch = batch_of([built.prepared.clips.clip(0)])
        step = built.strategy.prepare(batch, RandomDraws([draw], sample_stream(0, 0, 0)))
        assert step.audio is not None
        levels.append(float(step.audio.sigma_B))
        predictions = [None if part is None else part.state.tokens for part in (step.video, step.audio)]
        losses.add(step, built.strategy.losses(step, *predictions))
    found = loss_metrics(losses.rows().tolist(), built.strategy.plan.generated)
    bins = {name for name in found if name.startswith("loss/sigma")}
    edges = {min(int(level * 4), 3) / 4 for level in levels}
    assert bins == {f"loss/sigma_{low:.2f}-{low + 0.25:.2f}" for low in edges}
    assert len(bins) > 1
    assert not any(name.startswith("loss/video") for name in found)


def test_ranks_draw_differently_and_each_the_same_again(clips: Path, tmp_path: Path) -> None:
    """In the original every rank had one seed: all saw the same noise and noise levels."""
    draws = [RandomDraws([0], sample_stream(7, rank, 3)) for rank in (0, 1, 0)]
    noises = [each.noise("video", 4, 2) for each in draws]
    levels = [float(each.sigma("video").normal_B) for each in draws]
    chances = [float(each.condition("video", 0)) for each in draws]
    assert torch.equal(noises[0], noises[2])
    assert not torch.equal(noises[0], noises[1])
    for values in (levels, chances):
        assert values[0] == values[2] != values[1]
