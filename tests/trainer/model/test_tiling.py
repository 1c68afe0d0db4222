from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from trainer.files.checkpoint import VaeScale
from trainer.model.tiling import Tiles, decode_tiled, encode_tiled

SCALE = VaeScale(spatial=4, temporal=2)


def pool(video: Tensor) -> Tensor:
    """A stand-in encoder that sees one latent step only, so tiles must give exactly what one pass gives."""
    pooled = F.avg_pool3d(video[:, :, 1:], (2, 4, 4)) if video.shape[2] > 1 else video[:, :, :0, ::4, ::4]
    return torch.cat([F.avg_pool3d(video[:, :, :1], (1, 4, 4)), pooled], dim=2)


def repeat(latents: Tensor) -> Tensor:
    """A stand-in decoder: the first latent frame gives one frame, each other one two."""
    grown = latents.repeat_interleave(4, 3).repeat_interleave(4, 4)
    return torch.cat([grown[:, :, :1], grown[:, :, 1:].repeat_interleave(2, 2)], dim=2)


def test_local_networks_give_the_same_in_tiles() -> None:
    for frames, height, width in ((5, 52, 36), (9, 16, 100), (1, 40, 40), (13, 24, 28)):
        video = torch.randn(2, 3, frames, height, width)
        encoded = encode_tiled(pool, video, Tiles(24, 8), SCALE)
        torch.testing.assert_close(encoded, pool(video), rtol=0, atol=1e-5)
        latents = torch.randn(2, 5, (frames - 1) // 2 + 1, height // 4, width // 4)
        decoded = decode_tiled(repeat, latents, Tiles(24, 12, 6, 2), SCALE)
        torch.testing.assert_close(decoded, repeat(latents), rtol=0, atol=1e-5)


def test_a_clip_that_fits_is_done_at_once() -> None:
    calls: list[tuple[int, ...]] = []

    def watched(latents: Tensor) -> Tensor:
        calls.append(tuple(latents.shape))
        return repeat(latents)

    decode_tiled(watched, torch.zeros(1, 1, 3, 6, 6), Tiles(24, 12, 6, 2), SCALE)
    assert calls == [(1, 1, 3, 6, 6)]


def test_no_tile_is_larger_than_asked() -> None:
    """One latent frame more stands before every tile that does not start the clip."""
    shapes: list[tuple[int, ...]] = []

    def watched(latents: Tensor) -> Tensor:
        shapes.append(tuple(latents.shape[2:]))
        return repeat(latents)

    decode_tiled(watched, torch.zeros(1, 1, 11, 15, 20), Tiles(24, 12, 8, 4), SCALE)
    assert len(shapes) > 8
    assert max(shape[0] for shape in shapes) <= 8 // 2 + 1
    assert max(shape[1] for shape in shapes) <= 24 // 4
    assert max(shape[2] for shape in shapes) <= 24 // 4


def test_seams_are_blended() -> None:
    """Two tiles that disagree meet in a ramp, not in a step."""
    counter = iter(range(100))

    def disagreeing(latents: Tensor) -> Tensor:
        return repeat(torch.full_like(latents, float(next(counter))))

    decoded = decode_tiled(disagreeing, torch.zeros(1, 1, 1, 4, 10), Tiles(32, 24), SCALE)[0, 0, 0, 0]
    steps = decoded.diff()
    assert decoded[0] == 0
    assert decoded[-1] == 1
    assert (steps >= 0).all()
    assert steps.max() < 0.06
