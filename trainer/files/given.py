"""Which latent cells a condition gives clean, as boxes of the latent grid.

The one place that knows: the preflight counts these cells, training and validation keep them. A grid is
``(frames, rows, columns)`` of a video or ``(steps,)`` of a sound, all in latent units.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from schemas.conditions import (
    FirstFrameCondition,
    MaskCondition,
    PrefixCondition,
    ReferenceCondition,
    SpatialCropCondition,
    SuffixCondition,
    TrainingCondition,
)
from schemas.errors import DataError
from trainer.files.pt import read_tensor
from trainer.files.samples import AudioShape, MaskShape, Shape, TextShape, VideoShape, describe

if TYPE_CHECKING:
    import numpy as np

Grid = tuple[int, ...]
Box = tuple[slice, ...]
"""One slice per axis of a grid; works on numpy arrays and torch tensors alike."""
BoxCondition = FirstFrameCondition | PrefixCondition | SuffixCondition | SpatialCropCondition
MASK_THRESHOLD = 0.5
"""A mask's value above this means given."""


def leading(grid: Grid, count: int) -> Box:
    """The first ``count`` frames or steps."""
    return (slice(0, min(count, grid[0])), *map(slice, grid[1:]))


def trailing(grid: Grid, count: int) -> Box:
    """The last ``count`` frames or steps."""
    return (slice(max(0, grid[0] - count), grid[0]), *map(slice, grid[1:]))


def rectangle(grid: Grid, region: Sequence[int], spatial: int) -> Box:
    """``region`` (y1, x1, y2, x2 in pixels) in every frame; each edge is floored to cells of ``spatial`` pixels."""
    top, left, bottom, right = (edge // spatial for edge in region)
    frames, rows, columns = grid
    return (
        slice(frames),
        slice(min(top, rows), max(min(bottom, rows), min(top, rows))),
        slice(min(left, columns), max(min(right, columns), min(left, columns))),
    )


def given_box(condition: BoxCondition, grid: Grid, spatial: int) -> Box:
    """The cells a training condition gives when it is applied; may be empty."""
    match condition:
        case FirstFrameCondition():
            return leading(grid, 0 if condition.skip_stills and grid[0] == 1 else 1)
        case PrefixCondition():
            return leading(grid, condition.temporal_boundary)
        case SuffixCondition():
            return trailing(grid, condition.temporal_boundary)
        case SpatialCropCondition():
            return rectangle(grid, condition.spatial_region, spatial)


def given_cells(
    condition: TrainingCondition, grid: Grid, spatial: int, read: Callable[[], np.ndarray[Any, Any]]
) -> np.ndarray[Any, Any]:
    """Cells that one condition can give, as a boolean array of the grid; ``read`` gives the numbers of its mask.

    None for a condition of probability 0 and for references, which stand beside the clip.
    """
    import numpy as np

    if isinstance(condition, MaskCondition):
        return (read() > MASK_THRESHOLD) & (condition.probability > 0)
    given = np.zeros(grid, dtype=bool)
    if condition.probability > 0 and not isinstance(condition, ReferenceCondition):
        given[given_box(condition, grid, spatial)] = True
    return given


def grid_of(shape: Shape) -> Grid:
    """The latent grid of a prepared file; empty for caption features."""
    match shape:
        case VideoShape():
            return (shape.frames, shape.height, shape.width)
        case AudioShape():
            return (shape.steps,)
        case MaskShape():
            return shape.shape
        case TextShape():
            return ()


def read_mask(path: Path, grid: Grid) -> np.ndarray[Any, Any]:
    """The numbers of a mask file. Raises DataError when it is damaged or does not cover ``grid``."""
    shape = describe(path)
    if not isinstance(shape, MaskShape) or shape.shape != grid:
        raise DataError(
            f"holds {list(grid_of(shape))}, the latents of its clip {list(grid)}",
            where=path,
            why="a mask has one number for each latent cell",
            hint="run prepare again so that both come from the same clip",
        )
    return read_tensor(path, shape.tensor)
