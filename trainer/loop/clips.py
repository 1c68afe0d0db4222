"""From prepared files to batches: latents of both modalities and the captions' cached connector outputs."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Sequence
from dataclasses import replace

import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset
from typing_extensions import override

from trainer.data.connector_cache import CachedContext, ConnectorCache
from trainer.data.dataset import Item, PrecomputedDataset, collate
from trainer.files.dataset import CONDITIONS, DatasetIndex
from trainer.loop.order import BatchOrder, OrderedBatches
from trainer.objective.batch import Batch, TextContext
from trainer.seeds import generator

Clip = tuple[Item, CachedContext]


class ClipDataset(Dataset[Clip]):
    """The prepared clips of a run; captions come from the connector cache, their features are not loaded."""

    def __init__(self, index: DatasetIndex, cache: ConnectorCache) -> None:
        self._shapes = PrecomputedDataset(index).shapes()
        self._latents = PrecomputedDataset(index, [role for role in index.roles if role != CONDITIONS])
        self._captions = tuple(sample.files[CONDITIONS] for sample in index.samples)
        self._cache = cache
        self.names = tuple(sample.name for sample in index.samples)

    def __len__(self) -> int:
        return len(self.names)

    @override
    def __getitem__(self, position: int) -> Clip:
        return self._latents[position], self._cache.load(self._captions[position])

    @property
    def shapes(self) -> tuple[Hashable, ...]:
        """One shape per clip; clips of equal shape may share a batch."""
        return self._shapes


def batch_of(clips: Sequence[Clip]) -> Batch:
    """Clips of one shape as a batch on the CPU."""
    table = collate([item for item, _ in clips])
    video, audio = table.get("video"), table.get("audio")
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
    )


def on_device(batch: Batch, device: torch.device) -> Batch:
    """The batch where it is trained on; copies overlap with computation when the batch is in pinned memory."""

    def moved(tensor: Tensor | None) -> Tensor | None:
        return None if tensor is None else tensor.to(device, non_blocking=True)

    context = batch.context
    return replace(
        batch,
        video_BCFHW=moved(batch.video_BCFHW),
        fps_B=moved(batch.fps_B),
        audio_BCTM=moved(batch.audio_BCTM),
        context=TextContext(moved(context.video_BSD), moved(context.audio_BSD), moved(context.mask_BS)),
    )


def batches(
    clips: ClipDataset, order: BatchOrder, *, start: int, rank: int, world: int, workers: int, pin: bool
) -> Iterator[Batch]:
    """This rank's batches from number ``start`` on, loaded ahead by ``workers`` processes (0: in this one)."""
    loader: DataLoader[Clip] = DataLoader(
        clips,
        batch_sampler=OrderedBatches(order, start, rank, world),
        num_workers=workers,
        collate_fn=batch_of,
        pin_memory=pin,
        # The loader draws a seed for its workers; from a generator of its own, so that ours stay untouched.
        generator=generator(0, "loader"),
    )
    return iter(loader)


def _stacked(tensors: Sequence[Tensor | None]) -> Tensor | None:
    present = [tensor for tensor in tensors if tensor is not None]
    return torch.stack(present) if present else None
