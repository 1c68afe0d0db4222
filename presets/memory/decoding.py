"""Memory of the video VAE: linear in pixels and frames, with factors measured once.

The factors are bytes per pixel and frame, and bytes per pixel, of the peak of one encode or decode in bf16 beyond the
weights; the fake-tensor oracle in ``tests/oracle/vae.py`` gave them for each published network, and a test holds them
to it. Convolutions may take workspace on a card that the oracle does not see. The diffusion decoder of 2.5 was measured
at one size only and is taken to be proportional: its figure is the least certain here.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import product
from types import MappingProxyType
from typing import Final, Literal

from presets.memory.shapes import ModelShape

VaeKind = Literal["2.0", "2.3", "2.5"]
TILE: Final = 384
OVERLAP: Final = 192
TILE_FRAMES: Final = 48
FRAME_OVERLAP: Final = 24
"""Tiles of the decoder in pixels and frames: those of ``trainer.model.tiling.DECODER_TILES``."""
SPATIAL: Final = 32
TEMPORAL: Final = 8
DIFFUSION_TILE: Final = 768
DIFFUSION_FRAMES: Final = 80
"""Tiles of the 2.5 decoder, which brings its own."""
_SUM: Final = 3 * 4 + 4
"""Per pixel and frame: the sum of all tiles in fp32 and the sum of their weights."""
_PIECE: Final = 3 * 2
_WEIGHT: Final = 4
_FINISH: Final = 3 * 4 + 3 * 2
"""Dividing one by the other, and the result in bf16."""


@dataclass(frozen=True, slots=True)
class Factors:
    """Bytes = per_voxel * pixels * frames + per_pixel * pixels."""

    per_voxel: float
    per_pixel: float

    def bytes(self, pixels: int, frames: int) -> int:
        return int(self.per_voxel * pixels * frames + self.per_pixel * pixels)


@dataclass(frozen=True, slots=True)
class ClipSize:
    """Width and height in pixels, and frames."""

    width: int
    height: int
    frames: int

    @property
    def pixels(self) -> int:
        return self.width * self.height


ENCODERS: Final[Mapping[str, Factors]] = MappingProxyType(
    {"2.0": Factors(86.0, 64.0), "2.3": Factors(86.0, 64.0), "2.5": Factors(86.0, 64.0)}
)
DECODERS: Final[Mapping[str, Factors]] = MappingProxyType(
    {"2.0": Factors(84.736, 101.8), "2.3": Factors(72.0625, 64.44), "2.5": Factors(367.3, 0.0)}
)


def encode_bytes(model: ModelShape, clip: ClipSize) -> int:
    """Peak of encoding a clip at once, the clip itself included."""
    return ENCODERS[model.vae].bytes(clip.pixels, clip.frames)


def decode_bytes(model: ModelShape, clip: ClipSize) -> int:
    """Peak of decoding a clip in tiles, as validation does."""
    factors = DECODERS[model.vae]
    if model.vae == "2.5":
        pixels = min(clip.width, DIFFUSION_TILE) * min(clip.height, DIFFUSION_TILE)
        return factors.bytes(pixels, min(clip.frames, DIFFUSION_FRAMES)) + _FINISH * clip.pixels * clip.frames
    rows, columns = _spans(clip.height), _spans(clip.width)
    times = _time_spans((clip.frames - 1) // TEMPORAL + 1)
    if len(rows) == len(columns) == len(times) == 1:
        return factors.bytes(clip.pixels, clip.frames)
    voxels = clip.pixels * clip.frames
    most, piece, sums = 0, 0, _WEIGHT * voxels
    for time, row, column in product(times, rows, columns):
        pixels, frames = row * column * SPATIAL**2, (time - 1) * TEMPORAL + 1
        most = max(most, factors.bytes(pixels, frames) + sums + piece)
        # The sum is made after the first tile; a piece and its weights stay until the next ones replace them.
        sums, piece = _SUM * voxels, pixels * frames * (_PIECE + _WEIGHT)
    return max(most, (_SUM + _FINISH) * voxels + piece)


def _spans(pixels: int) -> list[int]:
    """Lengths of the stretches one axis is cut into, in latent steps."""
    return list(_stretches(pixels // SPATIAL, TILE // SPATIAL, OVERLAP // SPATIAL))


def _time_spans(latents: int) -> list[int]:
    """As for space; a stretch that does not start the clip is decoded with one latent frame more before it."""
    found = list(_stretches(latents, TILE_FRAMES // TEMPORAL, FRAME_OVERLAP // TEMPORAL))
    return [found[0], *(length + 1 for length in found[1:])]


def _stretches(length: int, size: int, overlap: int) -> Iterator[int]:
    if length <= size:
        yield length
        return
    for start in range(0, length - overlap, size - overlap):
        yield min(start + size, length) - start
