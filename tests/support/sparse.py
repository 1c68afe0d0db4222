"""Real-size model files without weights: correct headers, data that is one hole on the disk.

``tests/real_headers/*.json`` map tensor names to [dtype, shape] in file order, plus ``__metadata__``. The offsets
follow from walking the lines in order.
"""

from __future__ import annotations

import functools
import json
import math
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from trainer.files.headers import DTYPE_BITS

REAL_HEADERS = Path(__file__).parents[1] / "real_headers"
Entries = dict[str, Any]


def real_entries(name: str) -> Entries:
    """The stored header ``name`` (file name without .json): ``__metadata__`` and name -> [dtype, shape]."""
    found: Entries = json.loads((REAL_HEADERS / f"{name}.json").read_text("utf-8"))
    return found


def real_names() -> list[str]:
    """Names of all stored headers."""
    return sorted(path.stem for path in REAL_HEADERS.glob("*.json"))


def write_sparse(path: Path, entries: Mapping[str, Any]) -> Path:
    """Write a file with this header and a hole of the right size where the weights would be."""
    return _write(path, *_header(entries))


def _header(entries: Mapping[str, Any]) -> tuple[bytes, int]:
    """The bytes before the data, and the size of the whole file."""
    header: dict[str, Any] = {}
    place = 0
    for name, value in entries.items():
        if name == "__metadata__":
            header[name] = value
            continue
        dtype, shape = value
        size = math.prod(shape) * DTYPE_BITS[dtype] // 8
        header[name] = {"dtype": dtype, "shape": shape, "data_offsets": [place, place + size]}
        place += size
    text = json.dumps(header, separators=(",", ":"), ensure_ascii=False).encode()
    text += b" " * (-len(text) % 8)
    return len(text).to_bytes(8, "little") + text, 8 + len(text) + place


@functools.cache
def _published(name: str) -> tuple[bytes, int]:
    return _header(real_entries(name))


def _write(path: Path, start: bytes, size: int) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as file:
        file.write(start)
        file.truncate(size)
    return path


def write_real(directory: Path, name: str, change: Callable[[Entries], object] | None = None) -> Path:
    """Rebuild a published file at its full size (a few kB on disk); ``change`` may edit its entries first."""
    path = directory / f"{name}.safetensors"
    if change is None:
        return _write(path, *_published(name))
    entries = real_entries(name)
    change(entries)
    return write_sparse(path, entries)
