"""Token counts and the noise shift, against test vectors computed elsewhere."""

from __future__ import annotations

import pytest

from presets.geometry import audio_tokens, fits_grid, latent_frames, mu, pixel_frames, video_tokens

# width, height, frames, video tokens, mu, audio tokens at 24 and at 25 fps
VECTORS = [
    (512, 512, 25, 1024, 0.9500, 26, 25),
    (512, 512, 49, 1792, 1.2250, 51, 49),
    (576, 576, 49, 2268, 1.3954, 51, 49),
    (960, 544, 49, 3570, 1.8617, 51, 49),
    (768, 448, 89, 4032, 2.0271, 93, 89),
    (960, 544, 89, 6120, 2.7747, 93, 89),
    (1280, 704, 121, 14080, 5.6250, 126, 121),
    (768, 768, 1, 576, 0.7896, 1, 1),
]


@pytest.mark.parametrize(("width", "height", "frames", "tokens", "shift", "at24", "at25"), VECTORS)
def test_vectors(width: int, height: int, frames: int, tokens: int, shift: float, at24: int, at25: int) -> None:
    assert video_tokens(width, height, frames) == tokens
    assert mu(tokens) == pytest.approx(shift, abs=5e-5)
    assert audio_tokens(frames, 24) == at24
    assert audio_tokens(frames, 25) == at25
    assert fits_grid(width, height, frames) == ()


def test_order_of_operations_of_audio() -> None:
    assert audio_tokens(153, 30) == 127


def test_mu_is_not_clamped() -> None:
    assert mu(93) == pytest.approx(0.617, abs=5e-4)
    assert mu(4096) == pytest.approx(2.05)


def test_frames() -> None:
    assert [pixel_frames(count) for count in (1, 2, 8)] == [1, 9, 57]
    assert [latent_frames(frames) for frames in (1, 8, 9, 57, 89)] == [1, 1, 2, 8, 12]
    assert latent_frames(9, temporal=4) == 3


def test_off_the_grid() -> None:
    assert fits_grid(961, 544, 90) == ("width 961 is not a multiple of 32", "90 frames is not 8k+1")
    assert fits_grid(100, 90, 5, spatial=10, temporal=4) == ()
