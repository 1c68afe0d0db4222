"""States that samples start from: what is given lies in them, in whatever order it was listed."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
import torch
from pydantic import TypeAdapter
from torch import Tensor

from schemas.validation_conditions import ValidationCondition
from tests.trainer.validation.test_sampler import Perfect
from trainer.files.checkpoint import VaeScale
from trainer.objective.tokens import patchify_audio, patchify_video, unpatchify_video
from trainer.validation.conditions import Given, audio_start, video_start
from trainer.validation.guidance import Guidance
from trainer.validation.sampler import Track, Tracks, sample
from trainer.validation.schedule import sigmas

SCALE = VaeScale(32, 8)
SHAPE = (1, 4, 3, 2, 4)
"""Latents of 128 x 64 pixels and 17 frames."""
CONDITION: TypeAdapter[ValidationCondition] = TypeAdapter(ValidationCondition)


def _given(kind: str, latents: Tensor, mask: Tensor | None = None, medium: str = "video", **fields: Any) -> Given:
    name = "image_or_video" if kind == "first_frame" else medium
    extra = {"mask": "m.png"} if mask is not None else {}
    return Given(CONDITION.validate_python({"type": kind, name: "x", **extra, **fields}), latents, mask)


def _latents(value: float, frames: int = 3, height: int = 2, width: int = 4) -> Tensor:
    return torch.full((1, 4, frames, height, width), value)


def _video(*given: Given, marks: bool = False) -> Any:
    return video_start(torch.zeros(SHAPE), 24.0, SCALE, given, mark_keyframes=marks)


def _everything() -> list[Given]:
    mask = torch.zeros(1, 3, 2, 4)
    mask[:, :, 0, 0] = 1
    return [
        _given("reference", _latents(9.0, height=1, width=2), downscale_factor=2),
        _given("mask", _latents(1.0), mask),
        _given("spatial_crop", _latents(2.0), spatial_region=[0, 40, 63, 1000]),
        _given("suffix", _latents(3.0, 1), num_frames=8),
        _given("first_frame", _latents(4.0, 1)),
        _given("reference", _latents(8.0, 2), temporal_scale_factor=2),
    ]


def test_cells_and_their_content() -> None:
    state = _video(*_everything()).state
    clean = unpatchify_video(state.clean[:, state.target], 3, 2, 4)[0, 0]
    kept = unpatchify_video(1 - state.denoise_mask[:, state.target], 3, 2, 4)[0, 0].bool()
    expected = torch.zeros(3, 2, 4)
    expected[:, 0, 0] = 1
    expected[:, 0, 1:] = 2  # 63 // 32 is 1 row; 40 // 32 is column 1; what lies beyond is cut
    expected[2] = 3
    expected[0] = 4
    assert torch.equal(clean, expected)
    assert torch.equal(kept, expected > 0)
    assert state.count == 24
    behind = state.clean[0, 24:, 0].tolist()
    assert behind == [9.0] * 6 + [8.0] * 16
    assert (state.denoise_mask[:, 24:] == 0).all()


def test_any_order_makes_the_same_sample() -> None:
    """References keep their own order among themselves; attention does not see it."""
    items = _everything()
    expected = _video(*items).state
    for order in itertools.islice(itertools.permutations(range(len(items))), 0, None, 37):
        if order.index(0) > order.index(5):
            continue
        state = _video(*(items[place] for place in order)).state
        for name in ("clean", "denoise_mask", "positions", "tokens"):
            assert torch.equal(getattr(state, name), getattr(expected, name)), (order, name)


def test_references_lie_over_the_target() -> None:
    state = _video(_given("reference", _latents(1.0, 2, 1, 2), downscale_factor=2, temporal_scale_factor=2)).state
    time, rows, columns = state.positions[0, :, 24:, :]
    assert rows.tolist() == [[0, 64]] * 4
    assert columns.tolist() == [[0, 64], [64, 128]] * 2
    # The reference's own frames last twice as long, and start one frame of the target too late.
    torch.testing.assert_close(time[0], torch.tensor([0.0, 1 / 24]))
    torch.testing.assert_close(time[2], torch.tensor([1 / 24, 17 / 24]))


def test_keyframes_are_marked_on_the_target_only() -> None:
    state = _video(_given("reference", _latents(1.0)), marks=True).state
    assert state.keyframes_mask is not None
    assert state.keyframes_mask.flatten().tolist() == [1.0] * 8 + [0.0] * 40


def test_given_whole() -> None:
    start = _video(_given("video_to_audio", _latents(5.0)))
    assert start.frozen
    assert (start.state.tokens == 5).all()
    assert (start.state.denoise_mask == 0).all()
    assert start.noised(torch.randn(1, 24, 4)) is start.state
    with pytest.raises(ValueError, match="the given video is"):
        _video(_given("video_to_audio", _latents(5.0, 2)))
    sound = audio_start(torch.zeros(1, 2, 9, 4), [_given("audio_to_video", torch.ones(1, 2, 6, 4), medium="audio")])
    assert (sound.frozen, sound.state.count) == (True, 6)  # as long as what is given


def test_sound() -> None:
    mask = torch.tensor([[0.0, 0.5, 0.6, 1, 0, 0, 0, 0, 0]])
    given = [
        _given("reference", torch.full((1, 2, 4, 4), 7.0), medium="audio"),
        _given("mask", torch.full((1, 2, 9, 4), 1.0), mask, "audio"),
        _given("suffix", torch.full((1, 2, 2, 4), 2.0), medium="audio", duration=0.08),
        _given("prefix", torch.full((1, 2, 1, 4), 3.0), medium="audio", duration=0.04),
    ]
    state = audio_start(torch.zeros(1, 2, 9, 4), given).state
    assert state.clean[0, :9, 0].tolist() == [3, 0, 1, 1, 0, 0, 0, 2, 2]
    assert state.denoise_mask[0, :9, 0].tolist() == [0, 1, 0, 0, 1, 1, 1, 0, 0]
    torch.testing.assert_close(state.positions[0, 0, 9:, 0], torch.tensor([0.0, 0.01, 0.05, 0.09]))


def test_what_does_not_fit_is_refused() -> None:
    with pytest.raises(ValueError, match="4 latent steps are given of 3"):
        _video(_given("prefix", _latents(1.0, 4)))
    with pytest.raises(ValueError, match="whole clip"):
        _video(_given("spatial_crop", _latents(1.0, 2), spatial_region=[0, 0, 32, 32]))
    with pytest.raises(ValueError, match="needs a mask"):
        _video(_given("mask", _latents(1.0), torch.zeros(1, 2, 2, 4)))


def test_a_perfect_model_arrives_and_what_is_given_never_moves() -> None:
    target, sound = torch.randn(1, 24, 4), torch.randn(1, 9, 8)
    start = _video(*_everything())
    heard = audio_start(torch.zeros(1, 2, 9, 4), [_given("prefix", torch.ones(1, 2, 3, 4), medium="audio")])
    video = Track(start.noised(torch.randn(1, 24, 4)), torch.ones(1, 3, 4))
    audio = Track(heard.noised(torch.randn(1, 9, 8)), torch.ones(1, 3, 4))
    padded = torch.cat([target, start.state.clean[:, 24:]], dim=1)
    done = sample(Perfect(padded, sound), Tracks(video, audio), Guidance(), sigmas(4), block_count=2)
    for track, wanted in ((done.video, padded), (done.audio, sound)):
        assert track is not None
        made = track.state.denoise_mask.bool().expand_as(wanted)
        torch.testing.assert_close(track.state.tokens[made], wanted[made], rtol=0, atol=1e-6)
        assert torch.equal(track.state.tokens[~made], track.state.clean[~made])
    assert done.video is not None
    assert done.audio is not None
    assert torch.equal(patchify_video(_latents(4.0, 1)), done.video.state.tokens[:, :8])
    assert torch.equal(patchify_audio(torch.ones(1, 2, 3, 4)), done.audio.state.tokens[:, :3])
