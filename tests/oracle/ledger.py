"""Counting live bytes: every storage that an operator makes is followed from birth to death.

A dispatch mode sees each operator once. Storages are known by identity; a finalizer takes their bytes off again, so
aliases, views and in-place operators count as what they are. Work per operator is constant.
"""

from __future__ import annotations

import weakref
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_iter


@dataclass(slots=True)
class Peak:
    """The highest number of live bytes within one phase, what they were and at which operator."""

    total: int = 0
    by_kind: dict[str, int] = field(default_factory=dict)
    operator: str = ""


class Ledger(TorchDispatchMode):
    """Live bytes by kind. A storage has the kind of the phase it was born in until :meth:`own` says otherwise."""

    def __init__(self) -> None:
        super().__init__()
        self.live: dict[str, int] = {}
        self.total = 0
        self.peaks: dict[str, Peak] = {}
        self._phase = "setup"
        self._known: dict[int, tuple[str, int]] = {}

    @contextmanager
    def phase(self, name: str) -> Iterator[Peak]:
        """Count what happens inside under ``name``; the peak starts at what is alive already."""
        before, self._phase = self._phase, name
        peak = self.peaks[name] = Peak(self.total, dict(self.live), "at start")
        try:
            yield peak
        finally:
            self._phase = before

    def own(self, tensors: Iterable[Tensor], kind: str) -> None:
        """Count these tensors as ``kind`` from now on."""
        for tensor in tensors:
            self._enter(tensor, kind, relabel=True)

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        out = func(*args, **(kwargs or {}))
        # Autograd's own operators run without gradients; what needs them during backward is a block run again.
        kind = "recompute" if self._phase == "backward" and torch.is_grad_enabled() else self._phase
        for leaf in tree_iter(out):
            if isinstance(leaf, Tensor):
                self._enter(leaf, kind, relabel=False)
        peak = self.peaks.get(self._phase)
        if peak is not None and self.total > peak.total:
            peak.total, peak.by_kind, peak.operator = self.total, dict(self.live), str(func)
        return out

    def _enter(self, tensor: Tensor, kind: str, *, relabel: bool) -> None:
        storage = tensor.untyped_storage()
        key = storage._cdata
        known = self._known.get(key)
        if known is None:
            size = storage.nbytes()
            weakref.finalize(storage, self._leave, key).atexit = False
            self._known[key] = (kind, size)
            self._add(kind, size)
        elif relabel and known[0] != kind:
            self._add(known[0], -known[1])
            self._add(kind, known[1])
            self._known[key] = (kind, known[1])

    def _leave(self, key: int) -> None:
        known = self._known.pop(key, None)
        if known is not None:
            self._add(known[0], -known[1])

    def _add(self, kind: str, size: int) -> None:
        self.live[kind] = self.live.get(kind, 0) + size
        self.total += size


def is_fake(tensor: Tensor) -> bool:
    """Whether a tensor has a shape but no memory."""
    return isinstance(tensor, torch._subclasses.fake_tensor.FakeTensor)
