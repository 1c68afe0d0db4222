"""Writing tensors to disk so that a reader finds the old file, the new one, or none: never a part."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Mapping
from pathlib import Path

from safetensors import SafetensorError
from safetensors.torch import save_file
from torch import Tensor

from schemas.errors import EnvironmentFault
from trainer.rundir.atomic import disk_fault, fsync_dir, temporary_sibling


def write_safetensors(path: Path, tensors: Mapping[str, Tensor], metadata: Mapping[str, str] | None = None) -> None:
    """Write a safetensors file beside its place, make it durable, then move it there in one step.

    Tensors may live on any device and need not be contiguous. Raises EnvironmentFault when the disk refuses; whatever
    stood at ``path`` before is then still there and nothing half-written remains.
    """
    temporary = temporary_sibling(path)
    try:
        save_file(
            {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()},
            temporary,
            metadata=None if metadata is None else dict(metadata),
        )
        with temporary.open("rb+") as file:
            os.fsync(file.fileno())
        temporary.replace(path)
        fsync_dir(path.parent)
    except OSError as error:
        _forget(temporary)
        raise disk_fault("cannot write the file", path, error) from error
    except SafetensorError as error:
        # The library reports a refusing disk with its own type, the system's words inside.
        _forget(temporary)
        raise EnvironmentFault("cannot write the file", where=path, why=str(error)) from error


def _forget(temporary: Path) -> None:
    with contextlib.suppress(OSError):
        temporary.unlink()
