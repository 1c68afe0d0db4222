"""Still pictures of samples as terminal cells, by Pillow alone: two pixels to a cell, or letters by brightness."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from PIL.Image import Image

RAMP: Final = " .:-=+*#%@"
"""From dark to bright, for terminals without colours or without block characters."""
COARSENESS: Final = 8
"""Colours are rounded to multiples of this: nobody sees it, and equal neighbours cost a fraction of the bytes."""
LARGEST_FILE: Final = 32 << 20
HALF: Final = "▀"

Colour = tuple[int, int, int]


@dataclass(frozen=True, slots=True)
class Poster:
    """A picture in cells, row by row: character, colour of it, colour behind it; no colours for plain letters."""

    rows: tuple[tuple[tuple[str, Colour | None, Colour | None], ...], ...]

    @property
    def width(self) -> int:
        """Cells across."""
        return len(self.rows[0]) if self.rows else 0


def open_picture(path: Path) -> Image:
    """A picture file, decoded. Raises OSError or ValueError for anything that is none, or far too large."""
    from PIL import Image

    if path.stat().st_size > LARGEST_FILE:
        raise ValueError(f"{path} is too large for a poster")
    try:
        with Image.open(path) as picture:
            return picture.convert("RGB")
    except (Image.DecompressionBombError, SyntaxError) as error:
        raise ValueError(str(error)) from error


def poster(picture: Image, columns: int, rows: int, *, colours: bool = True) -> Poster:
    """``picture`` as large as fits into ``columns`` x ``rows`` cells, which are twice as high as wide."""
    from PIL import Image as Pillow

    columns, rows = max(1, columns), max(1, rows)
    width, height = picture.size
    scale = min(columns / width, rows * 2 / height)
    across, down = max(1, round(width * scale)), max(1, round(height * scale / 2))
    small = picture.resize((across, down * 2), Pillow.Resampling.BOX)
    return _blocks(small) if colours else _letters(small.resize((across, down), Pillow.Resampling.BOX))


def _blocks(picture: Image) -> Poster:
    data, (width, height) = picture.tobytes(), picture.size
    pixels = [_coarse(data[start : start + 3]) for start in range(0, len(data), 3)]
    lines = [pixels[y * width : (y + 1) * width] for y in range(height)]
    return Poster(
        tuple(
            tuple((HALF, top, below) for top, below in zip(lines[y], lines[y + 1], strict=True))
            for y in range(0, height, 2)
        )
    )


def _letters(picture: Image) -> Poster:
    width, height = picture.size
    letters = [RAMP[min(len(RAMP) - 1, grey * len(RAMP) // 256)] for grey in picture.convert("L").tobytes()]
    return Poster(
        tuple(tuple((letter, None, None) for letter in letters[y * width : (y + 1) * width]) for y in range(height))
    )


def _coarse(pixel: Sequence[int]) -> Colour:
    red, green, blue = (min(255, round(value / COARSENESS) * COARSENESS) for value in pixel[:3])
    return red, green, blue
