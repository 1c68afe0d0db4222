"""From prepared files to batches: latents of both modalities and the captions' cached connector outputs."""

from __future__ import annotations

import signal
from collections.abc import Hashable, Iterator, Sequence

import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset
from typing_extensions import override

from schemas.errors import WizardError
from trainer.data.connector_cache import CachedContext, ConnectorCache
from trainer.data.dataset import Item, PrecomputedDataset, collate
from trainer.files.dataset import CONDITIONS, DatasetIndex
from trainer.loop.order import BatchOrder, OrderedBatches
from trainer.objective.batch import Batch, References, TextContext
from trainer.objective.strategy import MODALITIES
from trainer.seeds import generator

Clip = tuple[Item, CachedContext]


class ClipDataset(Dataset[Clip | WizardError]):
    """The prepared clips of a run; captions come from the connector cache, their features are not loaded.

    A clip that cannot be loaded is returned as the error it gives: an exception raised in a worker process would
    reach us as a text with a traceback. ``clip`` raises instead.
    """

    def __init__(self, index: DatasetIndex, cache: ConnectorCache) -> None:
        self._shapes = PrecomputedDataset(index).shapes()
        self._latents = PrecomputedDataset(index, [role for role in index.roles if role != CONDITIONS])
        self._captions = tuple(sample.files[CONDITIONS] for sample in index.samples)
        self._cache = cache
        self.names = tuple(sample.name for sample in index.samples)

    def __len__(self) -> int:
        return len(self.names)

    @override
    def __getitem__(self, position: int) -> Clip | WizardError:
        try:
            return self.clip(position)
        except WizardError as error:
            return error

    def clip(self, position: int) -> Clip:
        """Load one clip. Raises DataError that names the file."""
        return self._latents[position], self._cache.load(self._captions[position])

    @property
    def shapes(self) -> tuple[Hashable, ...]:
        """One shape per clip; clips of equal shape may share a batch."""
        return self._shapes


def batch_of(clips: Sequence[Clip]) -> Batch:
    """Clips of one shape as a batch on the CPU."""
    table = collate([item for item, _ in clips])
    video, audio = table.get("video"), table.get("audio")
    conditions = {role: found for role, found in table.items() if isinstance(found, dict) and role not in MODALITIES}
    contexts = [context for _, context in clips]
    return Batch(
        names=tuple(table["name"]),
        video_BCFHW=None if video is None else video["latents"],
        fps_B=None if video is None else video["fps"],
        audio_BCTM=None if audio is None else audio["latents"],
        # The connectors fill every position, so there is nothing to mask.
        context=TextContext(
            _stacked([context.video_SD for context in contexts]),
            _stacked([context.audio_SD for context in contexts]),
            None,
        ),
        masks={role: found["mask"] for role, found in conditions.items() if "mask" in found},
        references={
            role: References(found["latents"], found.get("fps"))
            for role, found in conditions.items()
            if "latents" in found
        },
    )


def _ignore_signals(_worker: int) -> None:
    """A loader process outlives what is meant for the trainer: a scheduler signals the whole group, and the trainer
    still needs its clips to end the step and save."""
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGUSR1):
        signal.signal(number, signal.SIG_IGN)


def batches(
    clips: ClipDataset, order: BatchOrder, *, start: int, rank: int, world: int, workers: int, pin: bool
) -> Iterator[Batch]:
    """This rank's batches from number ``start`` on, loaded ahead by ``workers`` processes (0: in this one).

    Raises DataError for a clip that cannot be loaded.
    """
    loader: DataLoader[Clip | WizardError] = DataLoader(
        clips,
        batch_sampler=OrderedBatches(order, start, rank, world),
        num_workers=workers,
        collate_fn=_batch_or_error,
        pin_memory=pin,
        worker_init_fn=_ignore_signals,
        # The loader draws a seed for its workers; from a generator of its own, so that ours stay untouched.
        generator=generator(0, "loader"),
    )
    for batch in loader:
        if isinstance(batch, WizardError):
            raise batch
        yield batch


def _batch_or_error(clips: Sequence[Clip | WizardError]) -> Batch | WizardError:
    loaded: list[Clip] = []
    for clip in clips:
        if isinstance(clip, WizardError):
            return clip
        loaded.append(clip)
    return batch_of(loaded)


def _stacked(tensors: Sequence[Tensor | None]) -> Tensor | None:
    present = [tensor for tensor in tensors if tensor is not None]
    return torch.stack(present) if present else None
