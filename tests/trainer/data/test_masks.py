"""Masks on the latent grid: cut like the video, grouped like the causal VAE."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from schemas.errors import DataError
from trainer.data.buckets import Bucket
from trainer.data.films import write_mp4, write_wav
from trainer.data.masks import audio_mask, latent_mask, video_mask
from trainer.files.checkpoint import VaeScale

SCALE = VaeScale(32, 8)


def _frames(given: set[int], frames: int = 17) -> torch.Tensor:
    mask = torch.zeros(frames, 32, 32)
    mask[sorted(given)] = 1
    return mask


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({0}, [1, 0, 0]),
        ({1}, [0, 1, 0]),
        ({7}, [0, 1, 0]),  # groups of eight from frame 0 would mark latent 0
        ({8}, [0, 1, 0]),  # and this latent 1 of them, too: here it is the end of the group 1..8
        ({9}, [0, 0, 1]),  # there latent 1
        ({16}, [0, 0, 1]),
        (set(), [0, 0, 0]),
    ],
)
def test_groups_are_those_of_the_causal_vae(given: set[int], expected: list[int]) -> None:
    assert latent_mask(_frames(given), SCALE).flatten().tolist() == expected


def test_a_square_is_given_when_more_than_half_of_it_is() -> None:
    mask = torch.zeros(1, 32, 64)
    mask[:, :, :17] = 1
    mask[:, :, 32:48] = 1
    assert latent_mask(mask, SCALE).tolist() == [[[1, 0]]]


def test_single_frame() -> None:
    assert latent_mask(torch.ones(1, 32, 32), SCALE).shape == (1, 1, 1)


def test_mask_is_cropped_as_the_video_is_not_stretched(tmp_path: Path) -> None:
    """A 192x64 video loses 64 pixels on either side; stretching would move the mark into view."""
    picture = np.zeros((64, 192, 3), np.uint8)
    picture[:, :64] = 255  # exactly what the crop removes
    picture[:32, 96:] = 255  # upper right of what remains
    path = tmp_path / "mask.png"
    Image.fromarray(picture).save(path)
    mask = video_mask(path, Bucket(9, 64, 64), (192, 64), SCALE)
    assert mask.tolist() == [[[0, 1], [0, 0]]] * 2


def test_a_mask_of_another_size_lies_on_the_video(tmp_path: Path) -> None:
    """Half the resolution: it is scaled to the video first, then cut with it."""
    picture = np.zeros((32, 96, 3), np.uint8)
    picture[:, :32] = 255
    picture[:16, 48:] = 255
    path = tmp_path / "mask.png"
    Image.fromarray(picture).save(path)
    mask = video_mask(path, Bucket(1, 64, 64), (192, 64), SCALE)
    assert mask.tolist() == [[[0, 1], [0, 0]]]


def test_mask_video_frame_by_frame(tmp_path: Path) -> None:
    frames = np.zeros((17, 32, 32, 3), np.uint8)
    frames[8] = 255
    path = tmp_path / "mask.mp4"
    write_mp4(path, frames, 25)
    assert video_mask(path, Bucket(17, 32, 32), (32, 32), SCALE).flatten().tolist() == [0, 1, 0]
    with pytest.raises(DataError, match="17 frames, 25 are needed"):
        video_mask(path, Bucket(25, 32, 32), (32, 32), SCALE)


def test_audio_mask_lies_on_the_clip(tmp_path: Path) -> None:
    """Half a second of a one-second clip, from a sound two seconds long: what lies beyond the clip does not count."""
    loud = np.zeros((2, 32000), np.float32)
    loud[:, :8000] = 0.9
    path = tmp_path / "mask.wav"
    write_wav(path, loud, 16000)
    assert audio_mask(path, 10, 1.0).tolist() == [1] * 5 + [0] * 5
    assert audio_mask(path, 10, 4.0).tolist() == [1, 1] + [0] * 8  # filled up with silence = to be generated


@pytest.mark.parametrize("wrapped", [True, False])
def test_audio_mask_from_a_tensor_is_resampled_to_the_nearest(tmp_path: Path, wrapped: bool) -> None:
    path = tmp_path / "mask.pt"
    values = torch.tensor([[1.0, 0.0, 0.6, 0.4]])
    torch.save({"mask": values} if wrapped else values, path)
    assert audio_mask(path, 8, 1.0).tolist() == [1, 1, 0, 0, 1, 1, 0, 0]


def test_what_holds_no_mask_is_refused(tmp_path: Path) -> None:
    torch.save({"mask": 3}, tmp_path / "mask.pt")
    with pytest.raises(DataError, match="no mask tensor"):
        audio_mask(tmp_path / "mask.pt", 4, 1.0)
