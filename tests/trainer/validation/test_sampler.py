from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from diffusers import FlowMatchEulerDiscreteScheduler
from torch import Tensor

from trainer.files.checkpoint import VaeScale
from trainer.model.inputs import ModalityInput, Perturbation, Perturbations
from trainer.objective.state import TokenState, audio_state, video_state
from trainer.validation.guidance import Guidance, Scales
from trainer.validation.sampler import Track, Tracks, euler, predict, sample
from trainer.validation.schedule import sigmas

torch.set_num_threads(1)
CHANNELS = 4


def _random(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def _video(noise_seed: int = 1) -> TokenState:
    state = video_state(torch.zeros(1, CHANNELS, 2, 2, 3), torch.tensor([24.0]), VaeScale(32, 8), mark_keyframes=False)
    return state.noised(_random(1, 12, CHANNELS, seed=noise_seed), torch.ones(1))


def _audio(noise_seed: int = 2) -> TokenState:
    return audio_state(torch.zeros(1, 1, 5, CHANNELS)).noised(_random(1, 5, CHANNELS, seed=noise_seed), torch.ones(1))


def _track(state: TokenState, *, frozen: bool = False) -> Track:
    return Track(state, torch.ones(1, 3, 8), -torch.ones(1, 3, 8), frozen)


class Perfect:
    """Knows the clean tokens, and answers with the velocity that leads there; keeps what it was asked."""

    def __init__(self, video: Tensor | None, audio: Tensor | None = None) -> None:
        self.clean = (video, audio)
        self.asked: list[tuple[ModalityInput | None, ModalityInput | None, Perturbations | None]] = []

    def __call__(
        self, video: ModalityInput | None, audio: ModalityInput | None, perturbation: Perturbations | None = None
    ) -> tuple[Tensor | None, Tensor | None]:
        self.asked.append((video, audio, perturbation))
        first, second = (
            None if given is None or clean is None else (given.latent_BNC - clean) / given.sigma_B.clamp_min(1e-9)
            for given, clean in zip((video, audio), self.clean, strict=True)
        )
        return first, second


@pytest.mark.parametrize("steps", [1, 2, 7, 30])
def test_perfect_velocity_leads_to_the_clean_latents(steps: int) -> None:
    video, audio = _random(1, 12, CHANNELS, seed=5), _random(1, 5, CHANNELS, seed=6)
    tracks = Tracks(_track(_video()), _track(_audio()))
    done = sample(Perfect(video, audio), tracks, Guidance(), sigmas(steps), block_count=2)
    assert done.video is not None
    assert done.audio is not None
    torch.testing.assert_close(done.video.state.tokens, video, rtol=0, atol=1e-6)
    torch.testing.assert_close(done.audio.state.tokens, audio, rtol=0, atol=1e-6)


def test_last_step_is_exact() -> None:
    x, x0 = _random(1, 9, 4, seed=1) * 100, _random(1, 9, 4, seed=2)
    assert torch.equal(euler(x, x0, 0.1, 0.0), x0)


def test_step_is_the_published_formula_and_that_of_diffusers() -> None:
    x, x0 = _random(1, 9, 4, seed=1), _random(1, 9, 4, seed=2)
    now, then = 0.86708, 0.63157
    velocity = (x - x0) / now
    torch.testing.assert_close(euler(x, x0, now, then), x + velocity * (then - now), rtol=0, atol=1e-6)
    levels = sigmas(8)
    scheduler = FlowMatchEulerDiscreteScheduler(shift=1.0)
    scheduler.set_timesteps(sigmas=levels[:-1].tolist())
    theirs = ours = x
    for index, timestep in enumerate(scheduler.timesteps):
        velocity = (theirs - x0) / scheduler.sigmas[index] + 0.1 * index
        theirs = scheduler.step(velocity, timestep, theirs).prev_sample
        velocity = (ours - x0) / levels[index] + 0.1 * index
        ours = euler(ours, ours - velocity * levels[index], float(levels[index]), float(levels[index + 1]))
    torch.testing.assert_close(ours, theirs, rtol=0, atol=1e-5)


def test_kept_tokens_never_move_and_are_told_so() -> None:
    clean = _random(1, 12, CHANNELS, seed=9)
    kept = torch.zeros(1, 12, dtype=torch.bool)
    kept[:, :6] = True
    state = video_state(torch.zeros(1, CHANNELS, 2, 2, 3), torch.tensor([24.0]), VaeScale(32, 8), mark_keyframes=True)
    state = state.keep(kept, clean).noised(_random(1, 12, CHANNELS), torch.ones(1))
    model = Perfect(_random(1, 12, CHANNELS, seed=5))
    done = sample(model, Tracks(_track(state), None), Guidance(), sigmas(5), block_count=2)
    assert done.video is not None
    assert torch.equal(done.video.state.tokens[:, :6], clean[:, :6])
    for (video, audio, _), level in zip(model.asked, sigmas(5)[:-1], strict=True):
        assert audio is None
        assert video is not None
        assert torch.equal(video.latent_BNC[:, :6], clean[:, :6])
        assert (video.timesteps_BN[:, :6] == 0).all()
        torch.testing.assert_close(video.timesteps_BN[:, 6:], level.expand(1, 6))
        torch.testing.assert_close(video.sigma_B, level[None])
        assert video.context_mask_BS is None


def test_frozen_modality_conditions_and_is_left_alone() -> None:
    sound = audio_state(_random(1, 1, 5, CHANNELS, seed=3)).frozen()
    before = sound.tokens.clone()
    model = Perfect(_random(1, 12, CHANNELS, seed=5), torch.zeros(1, 5, CHANNELS))
    guidance = Guidance(Scales(3, 1, 3), Scales(7, 1, 3), frozenset({0}), 0.7)
    tracks = Tracks(_track(_video()), _track(sound, frozen=True))
    done = sample(model, tracks, guidance, sigmas(2), block_count=2)
    assert done.audio is not None
    assert torch.equal(done.audio.state.tokens, before)
    assert len(model.asked) == 8
    for _, audio, perturbation in model.asked:
        assert audio is not None
        assert audio.sigma_B.tolist() == [0.0]
        assert (audio.timesteps_BN == 0).all()
        assert (audio.context_BSD == 1).all()  # never the negative prompt
        assert not isinstance(perturbation, Perturbation) or not perturbation.audio_self_blocks


def test_negative_prompt_goes_only_where_it_is_asked_for() -> None:
    model = Perfect(torch.zeros(1, 12, CHANNELS), torch.zeros(1, 5, CHANNELS))
    tracks = Tracks(_track(_video()), _track(_audio()))
    predict(model, tracks, Guidance(Scales(cfg=3)), 0.5, block_count=2)
    video, audio, _ = model.asked[1]
    assert video is not None
    assert audio is not None
    assert (video.context_BSD == -1).all()
    assert (audio.context_BSD == 1).all()
    without = Tracks(replace(_track(_video()), negative_BSD=None), None)
    with pytest.raises(ValueError, match="negative"):
        predict(model, without, Guidance(Scales(cfg=3)), 0.5, block_count=2)


def test_low_precision_model_keeps_the_state_in_fp32() -> None:
    class Coarse(Perfect):
        def __call__(
            self, video: ModalityInput | None, audio: ModalityInput | None, perturbation: Perturbations | None = None
        ) -> tuple[Tensor | None, Tensor | None]:
            velocity, _ = super().__call__(video, audio, perturbation)
            return None if velocity is None else velocity.bfloat16(), None

    model = Coarse(torch.zeros(1, 12, CHANNELS))
    guidance = Guidance(Scales(cfg=3), rescale=0.7)
    done = sample(model, Tracks(_track(_video()), None), guidance, sigmas(3), block_count=2)
    assert done.video is not None
    assert done.video.state.tokens.dtype == torch.float32
    for video, _, _ in model.asked:
        assert video is not None
        assert video.latent_BNC.dtype == video.timesteps_BN.dtype == video.positions_BANE.dtype == torch.float32


def test_progress_is_told_after_every_step() -> None:
    told: list[int] = []
    model = Perfect(torch.zeros(1, 12, CHANNELS))
    tracks = Tracks(_track(_video()), None)
    sample(model, tracks, Guidance(), sigmas(3), block_count=2, on_step=told.append)
    assert told == [1, 2, 3]
