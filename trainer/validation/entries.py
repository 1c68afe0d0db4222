"""What was encoded once, on disk: safetensors files named by the hash of everything they depend on.

A changed prompt, file, model or setting finds another name; equal ones share an entry between runs.
"""

from __future__ import annotations

import gc
import hashlib
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save
from torch import Tensor

from trainer.rundir.atomic import disk_fault, write_atomic

_LAYOUT: Final = "1"
"""Part of every name: raise it when what an entry holds changes."""


@dataclass(frozen=True, slots=True)
class Entries:
    """A directory of entries; it is made when something is written."""

    directory: Path

    def path(self, *depends: object) -> Path:
        """Where the entry that depends on exactly these things lies."""
        name = hashlib.sha256("\0".join([_LAYOUT, *map(str, depends)]).encode()).hexdigest()[:40]
        return self.directory / f"{name}.safetensors"

    def read(self, entry: Path, names: Collection[str]) -> dict[str, Tensor] | None:
        """The tensors of an entry; None when it is absent, damaged or holds others: it is then to be made anew."""
        try:
            tensors = load_file(entry)
        except (OSError, SafetensorError):
            return None
        return tensors if set(tensors) == set(names) else None

    def write(self, entry: Path, tensors: Mapping[str, Tensor]) -> None:
        """Raises EnvironmentFault when the disk refuses."""
        try:
            self.directory.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise disk_fault("cannot create the cache of validation", self.directory, error) from error
        write_atomic(entry, save({name: tensor.cpu().contiguous() for name, tensor in tensors.items()}))


def free_memory(device: torch.device) -> None:
    """Give back what a dropped model held."""
    gc.collect()
    if device.type == "cuda":
        torch.cuda.empty_cache()
