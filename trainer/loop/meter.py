"""What the phases of some work take, as it happens: of a card's memory, or without a card of the host's."""

from __future__ import annotations

import gc
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Final

import psutil
import torch

from trainer.model.host_memory import give_back

_EVERY: Final = 0.02
"""Seconds between two looks at the host memory."""
_PROCESS: Final = psutil.Process()


@dataclass(frozen=True, slots=True)
class Taken:
    """One phase: bytes at its peak, what was there before included, and how long it lasted."""

    peak: int
    seconds: float


@dataclass
class Meter:
    """Peaks by phase. On CUDA what tensors took; on a processor the process beyond what it had at the start."""

    device: torch.device
    phases: dict[str, Taken] = field(default_factory=dict)
    reserved: int = 0
    """The most that the allocator held; 0 on a processor."""
    _base: int = 0

    def __post_init__(self) -> None:
        gc.collect()
        give_back()
        self._base = _resident()

    @contextmanager
    def phase(self, name: str) -> Iterator[None]:
        """Measure what is done inside; also when it fails, for that is when it matters."""
        started = time.perf_counter()
        cuda = self.device.type == "cuda"
        watch = None if cuda else _Watch()
        if cuda:
            torch.cuda.synchronize(self.device)
            torch.cuda.empty_cache()
            torch.cuda.reset_peak_memory_stats(self.device)
        try:
            yield
        finally:
            if watch is not None:
                peak = max(0, watch.end() - self._base)
                gc.collect()
                give_back()
            else:
                torch.cuda.synchronize(self.device)
                peak = torch.cuda.max_memory_allocated(self.device)
                self.reserved = max(self.reserved, torch.cuda.max_memory_reserved(self.device))
            self.phases[name] = Taken(peak, time.perf_counter() - started)


class _Watch:
    """The largest resident size of this process while it is looked at."""

    def __init__(self) -> None:
        self._peak = _resident()
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._look, name="host-memory", daemon=True)
        self._thread.start()

    def _look(self) -> None:
        while not self._over.wait(_EVERY):
            self._peak = max(self._peak, _resident())

    def end(self) -> int:
        self._over.set()
        self._thread.join()
        return max(self._peak, _resident())


def _resident() -> int:
    return int(_PROCESS.memory_info().rss)
