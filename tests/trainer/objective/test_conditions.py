"""Conditions in a training step: what is given stays clean, has no noise level and is not in the loss."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from pydantic import TypeAdapter
from torch import Tensor

from schemas.conditions import TrainingCondition
from schemas.errors import DataError
from trainer.files.checkpoint import VaeScale
from trainer.files.references import ReferenceFactors
from trainer.objective.batch import Batch, RandomDraws, References, TextContext
from trainer.objective.sigma import UniformSigma
from trainer.objective.strategy import ModalityPlan, ModalityStep, Strategy, StrategyPlan, TrainingStep
from trainer.seeds import sample_stream

SCALE = VaeScale(32, 8)
FRAMES, HEIGHT, WIDTH, STEPS = 4, 2, 3, 6
SIZE = 3
_CONDITION: TypeAdapter[TrainingCondition] = TypeAdapter(TrainingCondition)


def condition(kind: str, **settings: Any) -> TrainingCondition:
    return _CONDITION.validate_python({"type": kind, **settings})


def noise(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def batch(**changes: Any) -> Batch:
    return Batch(
        **{
            "names": ("a", "b", "c"),
            "video_BCFHW": noise(SIZE, 4, FRAMES, HEIGHT, WIDTH),
            "fps_B": torch.tensor([24.0, 25.0, 30.0]),
            "audio_BCTM": noise(SIZE, 1, STEPS, 5, seed=1),
            "context": TextContext(torch.zeros(SIZE, 3, 6), torch.zeros(SIZE, 3, 5), None),
            **changes,
        }
    )


def prepare(
    video: tuple[TrainingCondition, ...] = (),
    audio: tuple[TrainingCondition, ...] = (),
    *,
    given: Batch | None = None,
    generates: tuple[str, ...] = ("video", "audio"),
    factors: dict[str, ReferenceFactors] | None = None,
    step: int = 0,
) -> TrainingStep:
    plan = StrategyPlan(ModalityPlan("video" in generates, video), ModalityPlan("audio" in generates, audio))
    built = Strategy(plan, UniformSigma(0.2, 0.9), SCALE, mark_keyframes=True, factors=factors or {})
    return built.prepare(given or batch(), RandomDraws(range(SIZE), sample_stream(3, 0, step)))


def levels(step: ModalityStep) -> Tensor:
    """Noise level of each token, whichever way it was given."""
    return step.inputs.timesteps_BN.expand(-1, step.state.tokens.shape[1])


def kept(step: ModalityStep) -> Tensor:
    """Target tokens ``[B, F, H, W]`` or ``[B, T]`` that are given."""
    grid = (FRAMES, HEIGHT, WIDTH) if step.state.positions.shape[1] == 3 else (STEPS,)
    return (step.state.denoise_mask[:, step.state.target, 0] == 0).unflatten(1, grid)


VIDEO: list[tuple[TrainingCondition, tuple[slice, slice, slice]]] = [
    (condition("first_frame"), (slice(0, 1), slice(None), slice(None))),
    (condition("prefix", temporal_boundary=3), (slice(0, 3), slice(None), slice(None))),
    (condition("suffix", temporal_boundary=2), (slice(2, 4), slice(None), slice(None))),
    # y 40..63 is no whole cell but the first row starts at 0: rows 0 to 1, columns 1 to 3.
    (condition("spatial_crop", spatial_region=[0, 40, 63, 100]), (slice(None), slice(0, 1), slice(1, 3))),
]


@pytest.mark.parametrize(("chosen", "box"), VIDEO, ids=lambda value: getattr(value, "type", ""))
def test_what_a_video_condition_gives(chosen: TrainingCondition, box: tuple[slice, slice, slice]) -> None:
    video = prepare((chosen,)).video
    assert video is not None
    expected = torch.zeros(SIZE, FRAMES, HEIGHT, WIDTH, dtype=torch.bool)
    expected[(slice(None), *box)] = True
    assert torch.equal(kept(video), expected)


@pytest.mark.parametrize(("kind", "box"), [("prefix", slice(0, 2)), ("suffix", slice(4, 6))])
def test_audio_boundaries_count_steps(kind: str, box: slice) -> None:
    audio = prepare((), (condition(kind, temporal_boundary=2),)).audio
    assert audio is not None
    assert kept(audio)[:, box].all()
    assert int(kept(audio).sum()) == SIZE * 2


def test_a_mask_gives_where_it_is_above_a_half() -> None:
    mask = torch.full((SIZE, FRAMES, HEIGHT, WIDTH), 0.5)
    mask[0, 1, 1, 2] = 0.51
    sound = torch.zeros(SIZE, STEPS)
    sound[2, 3:] = 1
    masked = condition("mask", mask_dir="masks")
    step = prepare((masked,), (masked,), given=batch(masks={"video.conditions[0]": mask, "audio.conditions[0]": sound}))
    assert step.video is not None
    assert step.audio is not None
    assert kept(step.video).nonzero().tolist() == [[0, 1, 1, 2]]
    assert kept(step.audio).nonzero().tolist() == [[2, 3], [2, 4], [2, 5]]


def test_given_tokens_are_clean_without_noise_level_and_the_others_are_as_ever() -> None:
    given, plain = prepare((condition("prefix", temporal_boundary=2),)), prepare()
    assert given.video is not None
    assert plain.video is not None
    mask = kept(given.video).flatten(1)
    assert torch.equal(given.video.state.tokens[mask], given.video.state.clean[mask])
    assert (levels(given.video)[mask] == 0).all()
    assert torch.equal(given.video.state.tokens[~mask], plain.video.state.tokens[~mask])
    assert torch.equal(levels(given.video)[~mask], levels(plain.video)[~mask])
    assert torch.equal(given.video.sigma_B, plain.video.sigma_B)


def test_the_loss_does_not_depend_on_what_lies_under_the_mask() -> None:
    step = prepare((condition("suffix", temporal_boundary=1),), (condition("prefix", temporal_boundary=2),))
    strategy = Strategy(StrategyPlan(None, None), UniformSigma(), SCALE, mark_keyframes=False)
    assert step.video is not None
    assert step.audio is not None
    guesses = [noise(*part.state.tokens.shape, seed=5) for part in (step.video, step.audio)]
    before = strategy.losses(step, *guesses)
    for guess, part in zip(guesses, (step.video, step.audio), strict=True):
        guess[part.state.denoise_mask.squeeze(-1) == 0] = 1e6
    after = strategy.losses(step, *guesses)
    assert before.video_B is not None
    assert before.audio_B is not None
    assert torch.equal(before.total(), after.total())
    guesses[0][:, 0] = 1e6
    assert not torch.equal(before.total(), strategy.losses(step, *guesses).total())


def test_conditions_add_up_and_each_sample_draws_for_itself() -> None:
    both = (condition("first_frame", probability=0.5), condition("suffix", temporal_boundary=1, probability=0.5))
    seen = set()
    for number in range(20):
        video = prepare(both, step=number).video
        assert video is not None
        for sample in kept(video):
            starts, ends = bool(sample[0].all()), bool(sample[-1].all())
            assert not sample[1:-1].any()
            seen.add((starts, ends))
    assert seen == {(False, False), (True, False), (False, True), (True, True)}


def test_a_further_condition_does_not_disturb_the_draws_of_the_others() -> None:
    first = condition("first_frame", probability=0.5)
    one = [prepare((first,), step=number).video for number in range(8)]
    two = [prepare((first, condition("suffix", temporal_boundary=1)), step=number).video for number in range(8)]
    for alone, beside in zip(one, two, strict=True):
        assert alone is not None
        assert beside is not None
        assert torch.equal(kept(alone)[:, 0], kept(beside)[:, 0])
        assert torch.equal(alone.sigma_B, beside.sigma_B)


def test_the_share_of_applications_is_the_probability() -> None:
    first = (condition("first_frame", probability=0.3),)
    hits = [kept(step.video)[:, 0, 0, 0] for n in range(200) if (step := prepare(first, step=n)).video is not None]
    assert float(torch.cat(hits).float().mean()) == pytest.approx(0.3, abs=0.06)


def referenced(**changes: Any) -> Batch:
    return batch(
        references={"video.conditions[0]": References(noise(SIZE, 4, 2, 1, 3, seed=7), torch.full((SIZE,), 12.0))},
        **changes,
    )


def test_references_stand_clean_in_front_and_are_never_scored() -> None:
    step = prepare((condition("reference", latents_dir="refs"),), given=referenced())
    plain = prepare()
    assert step.video is not None
    assert plain.video is not None
    state = step.video.state
    assert (state.first, state.count) == (6, 24)
    assert torch.equal(state.tokens[:, :6], noise(SIZE, 4, 2, 1, 3, seed=7).flatten(2).transpose(1, 2))
    assert (levels(step.video)[:, :6] == 0).all()
    assert torch.equal(state.tokens[:, 6:], plain.video.state.tokens)
    assert step.video.target_BNC is not None
    assert step.video.target_BNC.shape[1] == 24
    assert state.keyframes_mask is not None
    assert (state.keyframes_mask[:, :6] == 0).all()
    assert torch.equal(step.video.sigma_B, plain.video.sigma_B), "the noise level follows the target's tokens alone"


def test_a_reference_is_drawn_for_the_whole_batch() -> None:
    chosen = (condition("reference", latents_dir="refs", probability=0.5),)
    lengths = set()
    for number in range(20):
        video = prepare(chosen, given=referenced(), step=number).video
        assert video is not None
        lengths.add(video.state.tokens.shape[1])
    assert lengths == {24, 30}


def test_factors_lay_a_reference_over_its_target() -> None:
    reference = (condition("reference", latents_dir="refs"),)
    role = "video.conditions[0]"
    found = prepare(reference, given=referenced(), factors={role: ReferenceFactors(2, 3)}).video
    ignored = prepare(reference, given=referenced()).video
    assert found is not None
    assert ignored is not None
    rows = found.state.positions[:, 1, :6]
    assert torch.equal(rows, ignored.state.positions[:, 1, :6] * 2)
    # Times start (3 - 1) frames of each target's own rate earlier, and never before 0.
    late = 2 / torch.tensor([24.0, 25.0, 30.0])[:, None, None]
    moved = (ignored.state.positions[:, 0, :6] - late).clamp_min(0)
    torch.testing.assert_close(found.state.positions[:, 0, :6], moved)


def test_a_reference_may_go_by_the_targets_clock() -> None:
    role = "video.conditions[0]"
    timed = (condition("reference", latents_dir="refs", timing="target"),)
    video = prepare(timed, given=referenced(), factors={role: ReferenceFactors(2)}).video
    assert video is not None
    # The first frame of each sample lasts one frame of its own target.
    assert video.state.positions[:, 0, 0, 1].tolist() == pytest.approx([1 / 24, 1 / 25, 1 / 30])


def test_a_frozen_modality_never_changes_and_its_conditions_do_nothing() -> None:
    conditions = (condition("reference", latents_dir="refs"), condition("first_frame"))
    step = prepare(conditions, given=referenced(), generates=("audio",))
    assert step.video is not None
    state = step.video.state
    assert torch.equal(state.tokens[:, state.target], batch().video_BCFHW.flatten(2).transpose(1, 2))  # type: ignore[union-attr]
    assert step.video.target_BNC is None
    assert step.video.sigma_B.tolist() == [0] * SIZE
    assert (levels(step.video) == 0).all()
    assert state.first == 6


@pytest.mark.parametrize(
    "conditions",
    [
        (condition("prefix", temporal_boundary=8),),
        (condition("suffix", temporal_boundary=4),),
        (condition("spatial_crop", spatial_region=[0, 0, 64, 96]),),
        (condition("prefix", temporal_boundary=2), condition("suffix", temporal_boundary=2)),
        (condition("mask", mask_dir="masks"),),
    ],
    ids=lambda chosen: "+".join(one.type for one in chosen),
)
def test_a_clip_that_is_given_whole_is_an_error_and_not_a_loss_of_nothing(
    conditions: tuple[TrainingCondition, ...],
) -> None:
    mask = torch.zeros(SIZE, FRAMES, HEIGHT, WIDTH)
    mask[1] = 1
    with pytest.raises(DataError, match="nothing is left to learn") as raised:
        prepare(conditions, given=batch(masks={"video.conditions[0]": mask}))
    assert "b" in raised.value.message


def test_the_first_frame_of_a_still() -> None:
    still = batch(video_BCFHW=noise(SIZE, 4, 1, HEIGHT, WIDTH))
    with pytest.raises(DataError, match="nothing is left to learn"):
        prepare((condition("first_frame"),), given=still)
    video = prepare((condition("first_frame", skip_stills=True),), given=still).video
    assert video is not None
    assert (video.state.denoise_mask == 1).all()


def test_a_mask_of_another_grid_is_an_error() -> None:
    masks = {"video.conditions[0]": torch.zeros(SIZE, FRAMES, HEIGHT, WIDTH + 1)}
    with pytest.raises(DataError, match="the masks of a, b, c are"):
        prepare((condition("mask", mask_dir="masks"),), given=batch(masks=masks))


def test_one_directory_in_two_roles_is_two_roles() -> None:
    """Fault of the original: a map by directory let the second use of one overwrite the first."""
    latents = batch().video_BCFHW
    assert latents is not None
    same = References(latents, torch.full((SIZE,), 24.0))
    given = batch(references={"video.conditions[0]": same, "video.conditions[1]": same})
    twice = (condition("reference", latents_dir="latents"), condition("reference", latents_dir="latents"))
    video = prepare(twice, given=given).video
    assert video is not None
    tokens = video.state.tokens
    assert tokens.shape[1] == 72
    assert torch.equal(tokens[:, :24], tokens[:, 24:48])
    assert not torch.equal(tokens[:, 24:48], tokens[:, 48:])


def test_every_clip_has_its_own_frame_rate() -> None:
    """Fault of the original: the first clip's rate placed the whole batch."""
    video = prepare().video
    assert video is not None
    assert video.state.positions[:, 0, 0, 1].tolist() == pytest.approx([1 / 24, 1 / 25, 1 / 30])
