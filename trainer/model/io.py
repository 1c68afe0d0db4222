"""Writing tensors to disk so that a reader finds the old file, the new one, or none: never a part."""

from __future__ import annotations

import contextlib
import json
import os
import struct
from collections.abc import Mapping
from pathlib import Path
from typing import Any, BinaryIO, Final

import torch
from safetensors import SafetensorError
from safetensors.torch import save_file
from torch import Tensor

from schemas.errors import EnvironmentFault
from trainer.rundir.atomic import disk_fault, fsync_dir, temporary_sibling

DTYPE_NAMES: Final = {
    torch.float64: "F64",
    torch.float32: "F32",
    torch.float16: "F16",
    torch.bfloat16: "BF16",
    torch.int64: "I64",
    torch.int32: "I32",
    torch.int16: "I16",
    torch.int8: "I8",
    torch.uint8: "U8",
    torch.bool: "BOOL",
}
"""What a safetensors file calls them."""
DTYPES: Final = {name: dtype for dtype, name in DTYPE_NAMES.items()}


def stream_safetensors(path: Path, tensors: Mapping[str, Tensor], dtype: torch.dtype | None = None) -> None:
    """Write a safetensors file one tensor after the other, so that the host never holds copies of all of them.

    ``dtype``, when given, is what each is converted to on its way. Raises OSError when the disk refuses.
    """
    entries: dict[str, Any] = {"__metadata__": {"format": "pt"}}
    position = 0
    for name, tensor in tensors.items():
        kind = dtype or tensor.dtype
        size = tensor.numel() * kind.itemsize
        spot = [position, position + size]
        entries[name] = {"dtype": DTYPE_NAMES[kind], "shape": list(tensor.shape), "data_offsets": spot}
        position += size
    with path.open("wb") as file:
        file.write(head_bytes(entries))
        for tensor in tensors.values():
            write_tensor(file, tensor, dtype or tensor.dtype)


def head_bytes(entries: Mapping[str, Any]) -> bytes:
    """The beginning of a safetensors file: length and table, filled up so that the data begin at a multiple of 8."""
    text = json.dumps(entries, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    return struct.pack("<Q", len(text)) + text


def write_tensor(file: BinaryIO, tensor: Tensor, dtype: torch.dtype) -> None:
    """The bytes of one tensor in ``dtype``."""
    data = tensor.detach().to("cpu", dtype).contiguous().flatten().view(torch.uint8)
    file.write(data.numpy().data)


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
