"""Which clips make up which batch: a function of the seed, the epoch and the position in it.

A batch holds clips of one shape, so mixed shapes and a batch size above one go together. Clips that do not fill a
batch at the end of an epoch wait for the next one, which shuffles anew.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Iterator
from dataclasses import dataclass

import numpy as np

from schemas.errors import DataError


@dataclass(frozen=True, slots=True)
class BatchOrder:
    """The endless sequence of batches of a run.

    ``shapes`` holds one hashable shape per clip; clips of equal shape may share a batch.
    """

    shapes: tuple[Hashable, ...]
    batch_size: int
    seed: int

    def __post_init__(self) -> None:
        if self.per_epoch == 0:
            biggest = max(self._counts().values(), default=0)
            raise DataError(
                f"cannot fill a batch of {self.batch_size}: {len(self.shapes)} clips, at most {biggest} of one shape",
                why="a batch holds clips of one shape and the run would never make a step",
                hint=f"set optimization.batch_size to {biggest} or less, or prepare more clips"
                if biggest
                else "prepare at least one clip",
            )

    @property
    def per_epoch(self) -> int:
        """Batches in one epoch."""
        return sum(count // self.batch_size for count in self._counts().values())

    @property
    def left_out(self) -> tuple[int, ...]:
        """Clips that never fill a batch because too few share their shape."""
        counts = self._counts()
        return tuple(index for index, shape in enumerate(self.shapes) if counts[shape] < self.batch_size)

    def batch(self, number: int) -> tuple[int, ...]:
        """Clip indices of batch ``number``, counted from 0 over all epochs."""
        epoch, position = divmod(number, self.per_epoch)
        return self.epoch(epoch)[position]

    def epoch(self, epoch: int) -> list[tuple[int, ...]]:
        """All batches of one epoch."""
        waiting: dict[Hashable, list[int]] = defaultdict(list)
        batches: list[tuple[int, ...]] = []
        for index in np.random.default_rng([self.seed % (1 << 63), epoch]).permutation(len(self.shapes)).tolist():
            group = waiting[self.shapes[index]]
            group.append(index)
            if len(group) == self.batch_size:
                batches.append(tuple(group))
                group.clear()
        return batches

    def _counts(self) -> dict[Hashable, int]:
        counts: dict[Hashable, int] = defaultdict(int)
        for shape in self.shapes:
            counts[shape] += 1
        return counts


class OrderedBatches:
    """Batch sampler for a data loader: this rank's batches from a given one on, without end."""

    def __init__(self, order: BatchOrder, start: int, rank: int = 0, world: int = 1) -> None:
        """``start`` counts batches per rank; ranks take turns."""
        self._order, self._start, self._rank, self._world = order, start, rank, world

    def __iter__(self) -> Iterator[list[int]]:
        number = self._start * self._world + self._rank
        current, batches = -1, []
        while True:
            epoch, position = divmod(number, self._order.per_epoch)
            if epoch != current:
                current, batches = epoch, self._order.epoch(epoch)
            yield list(batches[position])
            number += self._world
