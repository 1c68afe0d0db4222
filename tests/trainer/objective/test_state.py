from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import torch

from trainer.files.checkpoint import VaeScale, resolve_model_files
from trainer.model.inputs import Modalities
from trainer.model.loading import load_transformer
from trainer.objective.positions import audio_positions
from trainer.objective.state import TokenState, audio_state, video_state

SCALE = VaeScale(32, 8)
GOLDEN = Path(__file__).resolve().parents[2] / "golden"


@dataclass(frozen=True)
class OneFile:
    """Where the model is."""

    model_path: Path = GOLDEN / "ltx2.3_tiny_checkpoint.safetensors"
    text_encoder_path: Path | None = None
    video_vae_path: Path | None = None
    audio_vae_path: Path | None = None


def video(mark: bool = False) -> TokenState:
    latents = torch.randn(2, 4, 3, 2, 2, generator=torch.Generator().manual_seed(0))
    return video_state(latents, torch.tensor([24.0, 25.0]), SCALE, mark_keyframes=mark)


def noise(state: TokenState) -> torch.Tensor:
    shape = (state.tokens.shape[0], state.count, state.tokens.shape[2])
    return torch.randn(shape, generator=torch.Generator().manual_seed(1))


def test_noise_is_mixed_by_sample() -> None:
    state = video()
    mixed = state.noised(noise(state), torch.tensor([0.25, 1.0])).tokens
    torch.testing.assert_close(mixed[0], 0.75 * state.clean[0] + 0.25 * noise(state)[0])
    assert torch.equal(mixed[1], noise(state)[1])


def test_kept_tokens_are_clean_and_without_noise_level() -> None:
    mask = torch.zeros(2, 12, dtype=torch.bool)
    mask[0, :4] = True
    state = video().keep(mask)
    mixed = state.noised(noise(state), torch.tensor([0.5, 0.5]))
    assert torch.equal(mixed.tokens[0, :4], state.clean[0, :4])
    assert not torch.equal(mixed.tokens[1, :4], state.clean[1, :4])
    given = mixed.as_input(torch.tensor([0.5, 0.5]), torch.zeros(2, 6, 8))
    assert given.timesteps_BN[0].tolist() == [0.0] * 4 + [0.5] * 8
    assert given.timesteps_BN[1].tolist() == [0.5] * 12
    assert given.sigma_B.tolist() == [0.5, 0.5]


def test_kept_content_can_be_given_and_masks_add_up() -> None:
    first, second = torch.zeros(2, 12, dtype=torch.bool), torch.zeros(2, 12, dtype=torch.bool)
    first[:, 0], second[:, 1] = True, True
    content = torch.full((2, 12, 4), 7.0)
    state = video().keep(first, content).keep(second)
    assert state.denoise_mask[:, :3, 0].tolist() == [[0, 0, 1]] * 2
    assert torch.equal(state.clean[:, 0], content[:, 0])
    assert torch.equal(state.clean[:, 1], video().clean[:, 1])


def test_references_stand_in_front_or_behind() -> None:
    reference = torch.full((2, 5, 4), 3.0)
    positions = torch.zeros(2, 3, 5, 2)
    for place in ("front", "behind"):
        state = video(mark=True).add_reference(reference, positions, place)
        mixed = state.noised(noise(state), torch.tensor([1.0, 1.0]))
        assert mixed.tokens.shape == (2, 17, 4)
        assert torch.equal(mixed.tokens[:, mixed.target], noise(state))
        others = torch.ones(17, dtype=torch.bool)
        others[mixed.target] = False
        assert (mixed.tokens[:, others] == 3).all()
        assert (mixed.denoise_mask[:, others] == 0).all()
        assert mixed.keyframes_mask is not None
        assert (mixed.keyframes_mask[:, others] == 0).all()
        assert mixed.positions.shape == (2, 3, 17, 2)
        assert mixed.target == (slice(5, 17) if place == "front" else slice(0, 12))


def test_keyframes_mark_the_first_latent_frame() -> None:
    marks = video(mark=True).keyframes_mask
    assert marks is not None
    assert marks[0, :, 0].tolist() == [1.0] * 4 + [0.0] * 8
    assert video().keyframes_mask is None


def test_a_frozen_modality_is_clean_throughout() -> None:
    state = audio_state(torch.randn(1, 2, 5, 3)).frozen()
    given = state.as_input(torch.zeros(1), torch.zeros(1, 6, 8))
    assert given.timesteps_BN.tolist() == [[0.0]]
    assert torch.equal(given.latent_BNC, state.clean)
    assert torch.equal(given.positions_BANE, audio_positions(5, 1))


def test_a_level_per_sample_stands_for_equal_levels_of_all_its_tokens() -> None:
    """Nothing kept: one level per sample. Something kept: one per token. The transformer makes the same of both."""
    files = resolve_model_files(OneFile())
    transformer = load_transformer(files, modalities=Modalities(video=True, audio=False), dtype=torch.float32)
    latents = torch.randn(2, 16, 2, 2, 3, generator=torch.Generator().manual_seed(0))
    plain = video_state(latents, torch.tensor([24.0, 25.0]), SCALE, mark_keyframes=False)
    plain = plain.noised(noise(plain), torch.tensor([0.3, 0.8]))
    context, sigma = torch.randn(2, 6, 64, generator=torch.Generator().manual_seed(2)), torch.tensor([0.3, 0.8])
    each = replace(plain, mixed=True).as_input(sigma, context)
    one = plain.as_input(sigma, context)
    assert one.timesteps_BN.shape == (2, 1)
    assert each.timesteps_BN.shape == (2, 12)
    with torch.no_grad():
        first, second = (transformer(given, None)[0] for given in (one, each))
    assert first is not None
    assert second is not None
    torch.testing.assert_close(first, second, atol=1e-5, rtol=1e-4)
