"""Against the written vectors of the reference sheet: default VAE, 24 frames per second."""

from __future__ import annotations

import pytest
import torch

from trainer.files.checkpoint import VaeScale
from trainer.objective.positions import audio_positions, reference_positions, video_positions

SCALE = VaeScale(32, 8)


def test_video_time_spans() -> None:
    positions = video_positions(4, 1, 1, torch.tensor([24.0]), SCALE)
    expected = torch.tensor([[0, 1 / 24], [1 / 24, 9 / 24], [9 / 24, 17 / 24], [17 / 24, 25 / 24]])
    torch.testing.assert_close(positions[0, 0], expected)
    middle = positions[0, 0].mean(dim=1)
    torch.testing.assert_close(middle, torch.tensor([0.020833, 0.208333, 0.541667, 0.875]), atol=1e-6, rtol=0)


def test_video_rows_and_columns_are_pixels_in_token_order() -> None:
    positions = video_positions(2, 3, 4, torch.tensor([24.0]), SCALE)
    token = 1 * 12 + 2 * 4 + 3
    assert positions[0, 1, token].tolist() == [64.0, 96.0]
    assert positions[0, 2, token].tolist() == [96.0, 128.0]


def test_each_sample_has_its_own_frame_rate() -> None:
    positions = video_positions(2, 1, 1, torch.tensor([24.0, 48.0]), SCALE)
    torch.testing.assert_close(positions[0, 0], positions[1, 0] * 2)
    assert torch.equal(positions[0, 1:], positions[1, 1:])


def test_audio_spans() -> None:
    positions = audio_positions(4, 2)
    assert positions.shape == (2, 1, 4, 2)
    expected = torch.tensor([[0, 0.01], [0.01, 0.05], [0.05, 0.09], [0.09, 0.13]])
    torch.testing.assert_close(positions[1, 0], expected)


def test_other_compressions() -> None:
    positions = video_positions(3, 2, 1, torch.tensor([1.0]), VaeScale(16, 4))
    assert positions[0, 0, :, :].tolist()[::2] == [[0, 1], [1, 5], [5, 9]]
    assert positions[0, 1, 1].tolist() == [16, 32]


@pytest.mark.parametrize("factor", [2, 4])
def test_a_sparser_reference_is_moved_to_the_front(factor: int) -> None:
    fps = torch.tensor([24.0])
    own = video_positions(3, 1, 2, fps / factor, SCALE)
    moved = reference_positions(own, fps, spatial_factor=2, temporal_factor=factor)
    # The reference's frame 0 ends where the target's does; its frame k covers `factor` times the target's time.
    assert moved[0, 0, 0].tolist() == pytest.approx([0, 1 / 24])
    assert moved[0, 0, 2].tolist() == pytest.approx([1 / 24, (1 + 8 * factor) / 24])
    assert moved[0, 2, 1].tolist() == [64, 128]


def test_an_equal_reference_stays_where_it_is() -> None:
    fps = torch.tensor([24.0])
    own = video_positions(2, 2, 2, fps, SCALE)
    assert torch.equal(reference_positions(own, fps), own)
