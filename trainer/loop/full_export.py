"""Full fine-tuning: the trained weights as a model file that every reader of the base file can read.

The export is the base file with the trained tensors in the place of the original ones: same names, same metadata, all
other parts (connectors, VAEs, vocoder) copied byte for byte. It is written as a stream, tensor by tensor.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import BinaryIO, Final

import torch
from torch import Tensor

from schemas.errors import CheckpointError
from trainer.files.checkpoint import TRANSFORMER_PREFIX
from trainer.files.headers import Header, TensorInfo, read_header
from trainer.loop.state_files import sync_into_place
from trainer.model.io import DTYPE_NAMES, DTYPES, head_bytes, write_tensor
from trainer.rundir.atomic import disk_fault

COPY_BYTES: Final = 1 << 24


def write_model(
    base: Path, path: Path, trained: Mapping[str, Tensor], dtype: torch.dtype, extra: Mapping[str, str]
) -> None:
    """Write ``base`` to ``path`` with ``trained`` (official names without prefix) in ``dtype``.

    A tensor that is fp32 in the base stays fp32. ``extra`` is added to the metadata. Raises CheckpointError when a
    trained tensor has no place in the base file, EnvironmentFault when the disk refuses.
    """
    header = read_header(base)
    names = {TRANSFORMER_PREFIX + name: name for name in trained}
    lost = sorted(names.keys() - header.tensors.keys())
    if lost:
        raise CheckpointError(f"holds no {lost[0]} to be replaced", where=base)
    kinds = {key: "F32" if header.tensors[key].dtype == "F32" else DTYPE_NAMES[dtype] for key in names}
    temporary = path.with_name(f".tmp-{path.name}")
    try:
        with base.open("rb") as source, temporary.open("wb") as target:
            target.write(_head(header, kinds, trained, names, extra))
            for key, info in header.tensors.items():
                if key in names:
                    write_tensor(target, trained[names[key]], DTYPES[kinds[key]])
                else:
                    _copy(source, target, info)
        sync_into_place(temporary, path)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        raise disk_fault("cannot write the model", path, error) from error


def _head(
    header: Header,
    kinds: Mapping[str, str],
    trained: Mapping[str, Tensor],
    names: Mapping[str, str],
    extra: Mapping[str, str],
) -> bytes:
    entries: dict[str, object] = {"__metadata__": {**header.metadata, **extra}}
    position = 0
    for key, info in header.tensors.items():
        size, kind = info.nbytes, info.dtype
        if key in names:
            kind = kinds[key]
            size = trained[names[key]].numel() * DTYPES[kind].itemsize
        entries[key] = {"dtype": kind, "shape": list(info.shape), "data_offsets": [position, position + size]}
        position += size
    return head_bytes(entries)


def _copy(source: BinaryIO, target: BinaryIO, info: TensorInfo) -> None:
    source.seek(info.start)
    left = info.nbytes
    while left:
        block = source.read(min(left, COPY_BYTES))
        if not block:
            raise CheckpointError(f"ends before {info.name}")
        target.write(block)
        left -= len(block)
