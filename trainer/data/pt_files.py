"""Reading and writing the prepared ``.pt`` files: plain tables of tensors and numbers, never code."""

from __future__ import annotations

import io
import pickle
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from schemas.errors import DataError
from trainer.rundir.atomic import disk_fault, write_atomic

Content = Mapping[str, Tensor | int | float]
AGAIN = "prepare this sample again"


def save_pt(path: Path, content: Content) -> None:
    """Write atomically; a reader sees the old file or the whole new one. Tensors are detached and made compact."""
    compact = {
        key: value.detach().cpu().contiguous().clone() if isinstance(value, Tensor) else value
        for key, value in content.items()
    }
    buffer = io.BytesIO()
    torch.save(compact, buffer)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise disk_fault("cannot create the directory", path.parent, error) from error
    write_atomic(path, buffer.getvalue(), durable=False)


def load_pt(path: Path) -> dict[str, Any]:
    """The table a prepared file holds, on the CPU; tensors of zip archives are mapped, not read.

    Raises DataError naming the file when it is missing, damaged, holds code or something else than a table.
    """
    found = load_any(path)
    if not isinstance(found, dict):
        raise DataError("is not a prepared sample (no table of named tensors)", where=path, hint=AGAIN)
    return found


def load_any(path: Path) -> Any:
    """Tensors and plain values that ``torch.save`` wrote, whatever their arrangement; DataError as :func:`load_pt`."""
    try:
        with path.open("rb") as file:
            zipped = file.read(4) == b"PK\x03\x04"
        # Files of the format before 2020 have no archive to map.
        return torch.load(path, map_location="cpu", weights_only=True, mmap=zipped)
    except FileNotFoundError as error:
        raise DataError("there is no such prepared file", where=path, hint="run prepare") from error
    except (OSError, RuntimeError, ValueError, EOFError, KeyError, pickle.UnpicklingError) as error:
        first = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise DataError(f"cannot be loaded: {first:.200}", where=path, hint=AGAIN) from error
