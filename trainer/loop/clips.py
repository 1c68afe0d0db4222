"""From prepared files to batches: latents of both modalities and the captions' cached connector outputs."""

from __future__ import annotations

import contextlib
import hashlib
import signal
import threading
from collections.abc import Generator, Hashable, Iterator, Sequence
from typing import Final

import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset
from typing_extensions import override

from schemas.errors import EnvironmentFault, WizardError
from trainer.data.connector_cache import CachedContext, ConnectorCache
from trainer.data.dataset import Item, PrecomputedDataset, collate
from trainer.files.dataset import CONDITIONS, DatasetIndex
from trainer.loop.order import BatchOrder, OrderedBatches
from trainer.objective.batch import Batch, References, TextContext
from trainer.objective.strategy import MODALITIES
from trainer.seeds import generator

Clip = tuple[Item, CachedContext]
MACHINE_FAULTS: Final = (
    "exited unexpectedly",
    "is killed by signal",
    "No space left on device",
    "Too many open files",
    "Cannot allocate memory",
    "shared memory",
    "unable to mmap",
)
"""What a loader says when the machine lets its processes down."""


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
        self.digest = _digest(index)

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


def _digest(index: DatasetIndex) -> str:
    """Of names, roles and sizes: what tells one set of clips from another without reading them again."""
    found = hashlib.sha256()
    for sample in index.samples:
        for role, path in sample.files.items():
            found.update(f"{sample.name}|{role}|{path.stat().st_size}\n".encode())
    return found.hexdigest()[:16]


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
) -> Generator[Batch, None, None]:
    """This rank's batches from number ``start`` on, loaded ahead by ``workers`` processes (0: in this one).

    To be closed: that ends the processes. They heed no signal, and the garbage collector ends their queues before it
    tells them, so that left to it they would stay, and the trainer with them.

    Raises DataError for a clip that cannot be loaded, EnvironmentFault when the loader's processes die.
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
    with _deaths_are_found_when_asked():
        found = iter(loader)
    try:
        while True:
            batch = _next(found, workers)
            if batch is None:
                return
            if isinstance(batch, WizardError):
                raise batch
            yield batch
    finally:
        del found


@contextlib.contextmanager
def _deaths_are_found_when_asked() -> Iterator[None]:
    """The loader wants to be told of its processes' deaths by a signal, whose handler raises wherever we are: in the
    middle of an update too. Without it the next batch that is asked for says the same, at most 5 s later."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.getsignal(signal.SIGCHLD)
    yield
    signal.signal(signal.SIGCHLD, before or signal.SIG_DFL)


def _next(found: Iterator[Batch | WizardError], workers: int) -> Batch | WizardError | None:
    """The next batch, None after the last; what the machine did to the loader's processes as an EnvironmentFault."""
    try:
        return next(found, None)
    except (RuntimeError, OSError) as error:
        said = str(error)
        if workers == 0 or not any(words in said for words in MACHINE_FAULTS):
            raise
        reason = said.strip().splitlines()[-1]
    raise EnvironmentFault(
        f"a process that loads clips ended: {reason}",
        where="data.num_dataloader_workers",
        why="such processes pass clips on through shared memory (/dev/shm), which containers often keep at 64 MB",
        hint="give it more (docker run --shm-size=8g), free some memory, or set data.num_dataloader_workers to 0",
    )


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
