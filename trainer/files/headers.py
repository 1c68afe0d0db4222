"""Reading safetensors headers without torch and without touching the tensor data.

A safetensors file is: 8 bytes little-endian header length, that many bytes of JSON (``name -> {dtype, shape,
data_offsets}`` plus an optional ``__metadata__`` map of strings), then the data, without holes, to the end of the file.
Everything that breaks this is refused here, so that later readers may rely on it.
"""

from __future__ import annotations

import json
import math
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from types import MappingProxyType
from typing import Any, BinaryIO, Final, Never

from schemas.errors import CheckpointError, EnvironmentFault
from trainer.files.sniff import SNIFF_BYTES, guess

MAX_HEADER_BYTES: Final = 100 * 1024 * 1024
"""A real header takes 0.06 to 0.9 MB; a larger number than this is not a header length."""

DTYPE_BITS: Final[Mapping[str, int]] = MappingProxyType(
    {
        "BOOL": 8,
        "U8": 8,
        "I8": 8,
        "F8_E4M3": 8,
        "F8_E5M2": 8,
        "F8_E8M0": 8,
        "F8_E4M3FNUZ": 8,
        "F8_E5M2FNUZ": 8,
        "I16": 16,
        "U16": 16,
        "F16": 16,
        "BF16": 16,
        "I32": 32,
        "U32": 32,
        "F32": 32,
        "I64": 64,
        "U64": 64,
        "F64": 64,
        "C64": 64,
        "F4": 4,
        "F6_E2M3": 6,
        "F6_E3M2": 6,
    }
)
_METADATA = "__metadata__"


@dataclass(frozen=True, slots=True)
class TensorInfo:
    """One tensor of a file. ``start`` and ``end`` are byte positions in the file (end exclusive)."""

    name: str
    dtype: str
    shape: tuple[int, ...]
    start: int
    end: int

    @property
    def numel(self) -> int:
        return math.prod(self.shape)

    @property
    def nbytes(self) -> int:
        return self.end - self.start


@dataclass(frozen=True, slots=True)
class Header:
    """What a safetensors file says about itself. ``size`` is the size of the whole file in bytes."""

    path: Path
    metadata: Mapping[str, str]
    tensors: Mapping[str, TensorInfo]
    size: int


class _HeaderError(ValueError):
    """The JSON of a header is not what a header must be; turned into a CheckpointError with the path."""


def read_header(path: str | Path) -> Header:
    """Read and check the header of a safetensors file; at most a few MB are read, whatever the size of the file.

    Raises CheckpointError for anything that is not a complete, well-formed file, EnvironmentFault when the system does
    not let it be read.
    """
    path = Path(path)
    try:
        kind = path.stat()
        if stat.S_ISDIR(kind.st_mode):
            raise _directory_error(path)
        with path.open("rb") as file:
            length, text = _header_text(file, path, kind.st_size)
    except FileNotFoundError as error:
        raise CheckpointError(
            "there is no such file", where=path, hint="check the path; local files only, no URLs"
        ) from error
    except OSError as error:
        raise EnvironmentFault(
            f"cannot be read: {error.strerror or error}", where=path, hint="check permissions and the disk"
        ) from error
    try:
        metadata, tensors = _parse(text, 8 + length)
    except _HeaderError as error:
        raise CheckpointError(
            f"the safetensors header is damaged: {error}", where=path, hint="download or export the file again"
        ) from error
    _check_layout(path, tensors, 8 + length, kind.st_size)
    return Header(path, metadata, tensors, kind.st_size)


def _directory_error(path: Path) -> CheckpointError:
    inside = sorted(child.name for child in path.glob("*.safetensors"))
    hint = f"name one file in it: {', '.join(inside[:5])}" if inside else "name the .safetensors file itself"
    if any(path.glob("tokenizer*")):
        hint = "this looks like the folder of a text encoder; name the .safetensors file of the model"
    return CheckpointError("is a directory, not a safetensors file", where=path, hint=hint)


def _header_text(file: BinaryIO, path: Path, size: int) -> tuple[int, bytes]:
    if size == 0:
        raise CheckpointError("is empty (0 bytes)", where=path, hint="the download or copy failed: fetch it again")
    start = file.read(SNIFF_BYTES)
    length = int.from_bytes(start[:8], "little")
    if not 2 <= length <= MAX_HEADER_BYTES or size < 8 or start[8:9] not in (b"{", b""):
        taken_for = guess(start)
        raise CheckpointError(
            f"is not a safetensors file but {taken_for.what}" if taken_for else "is not a safetensors file",
            where=path,
            why="" if taken_for else "it does not start with a header length and a JSON header",
            hint=taken_for.hint if taken_for else "name a .safetensors file of an LTX-2 release",
        )
    if 8 + length > size:
        raise _truncated(path, size, 8 + length, "its header alone")
    file.seek(8)
    return length, file.read(length)


def _truncated(path: Path, size: int, needed: int, what: str) -> CheckpointError:
    return CheckpointError(
        f"is cut off: it has {size:,} bytes, {what} needs {needed:,}",
        where=path,
        why=f"{needed - size:,} bytes are missing at the end",
        hint="let the download finish or start it again; check the free disk space",
    )


def _refuse_constant(name: str) -> Never:
    raise _HeaderError(f"the number {name} is not allowed")


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        seen: set[str] = set()
        for key, _ in pairs:
            if key in seen:
                raise _HeaderError(f"the name {key[:120]!r} stands twice")
            seen.add(key)
    return found


@lru_cache(maxsize=8)
def _parse(text: bytes, data_start: int) -> tuple[Mapping[str, str], Mapping[str, TensorInfo]]:
    """A header's metadata and tensors; kept by the text, so looking at a model again is quick."""
    try:
        found = json.loads(text.decode("utf-8"), object_pairs_hook=_unique, parse_constant=_refuse_constant)
    except _HeaderError:
        raise
    except RecursionError as error:
        raise _HeaderError("its JSON is nested too deeply") from error
    except ValueError as error:
        raise _HeaderError(f"its JSON cannot be read ({error})") from error
    if not isinstance(found, dict):
        raise _HeaderError("it is not a JSON object")
    metadata = found.pop(_METADATA, {})
    if not isinstance(metadata, dict) or not all(isinstance(value, str) for value in metadata.values()):
        raise _HeaderError("__metadata__ is not a map of texts")
    tensors = {name: _tensor(name, entry, data_start) for name, entry in found.items()}
    return MappingProxyType(metadata), MappingProxyType(tensors)


def _is_size(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**62


def _tensor(name: str, entry: object, data_start: int) -> TensorInfo:
    if not isinstance(entry, dict) or set(entry) != {"dtype", "shape", "data_offsets"}:
        raise _HeaderError(f"{name[:120]!r} needs exactly dtype, shape and data_offsets")
    dtype, shape, offsets = entry["dtype"], entry["shape"], entry["data_offsets"]
    if not isinstance(dtype, str) or dtype not in DTYPE_BITS:
        raise _HeaderError(f"{name[:120]!r} has the unknown dtype {dtype!r}")
    if not isinstance(shape, list) or not all(_is_size(side) for side in shape):
        raise _HeaderError(f"{name[:120]!r} has the impossible shape {shape!r:.80}")
    if not isinstance(offsets, list) or len(offsets) != 2 or not all(_is_size(place) for place in offsets):
        raise _HeaderError(f"{name[:120]!r} has impossible data_offsets {offsets!r:.80}")
    info = TensorInfo(name, dtype, tuple(shape), data_start + offsets[0], data_start + offsets[1])
    if info.numel * DTYPE_BITS[dtype] != info.nbytes * 8:
        raise _HeaderError(f"{name[:120]!r}: {info.nbytes} bytes do not hold {dtype} {list(info.shape)}")
    return info


def _check_layout(path: Path, tensors: Mapping[str, TensorInfo], data_start: int, size: int) -> None:
    """The format wants the tensors back to back, from the end of the header to the end of the file."""
    place = data_start
    for info in sorted(tensors.values(), key=lambda tensor: (tensor.start, tensor.end)):
        if info.start != place:
            trouble = "overlaps the tensor before it" if info.start < place else "leaves a gap before it"
            raise CheckpointError(
                f"the safetensors header is damaged: {info.name!r} {trouble}",
                where=path,
                hint="download or export the file again",
            )
        place = info.end
    if place > size:
        raise _truncated(path, size, place, "what its header lists")
    if place < size:
        raise CheckpointError(
            f"has {size - place:,} bytes that its header does not list",
            where=path,
            why="two files were mixed up or the file was written to while it was copied",
            hint="download or export the file again",
        )
