"""Telling model files apart without reading tens of gigabytes.

A fingerprint keys the disk caches (text features, connector outputs): it must change when the weights change and stay
when a file is moved or copied, so it knows nothing of names and dates.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Final

from schemas.errors import CheckpointError, EnvironmentFault

_HEAD_BYTES: Final = 1 << 20
"""Covers the whole header of every published file."""
_BLOCKS: Final = 64
_BLOCK_BYTES: Final = 4096
_TEXT_ENCODER_FILES: Final = ("*.safetensors", "config.json", "tokenizer.json", "tokenizer.model")


def file_fingerprint(path: str | Path) -> str:
    """32 hex digits from the size, the first megabyte and 64 blocks spread evenly over the file (about 1.3 MB read).

    A directory (a text encoder) is the sum of its weight, config and tokenizer files. Two fine-tunes with equal shapes
    differ in nearly every weight, so that sampled blocks tell them apart; a change of a few bytes may go unseen.
    """
    path = Path(path)
    digest = hashlib.sha256()
    try:
        if path.is_dir():
            found = sorted({file for pattern in _TEXT_ENCODER_FILES for file in path.glob(pattern)})
            if not found:
                raise CheckpointError("holds no model files", where=path, hint="name the folder of the text encoder")
            for file in found:
                digest.update(file.name.encode())
                _add(digest, file)
        else:
            _add(digest, path)
    except OSError as error:
        raise EnvironmentFault(f"cannot be read: {error.strerror or error}", where=path) from error
    return digest.hexdigest()[:32]


def _add(digest: hashlib._Hash, path: Path) -> None:
    with path.open("rb") as file:
        size = file.seek(0, 2)
        digest.update(size.to_bytes(8, "little"))
        file.seek(0)
        digest.update(file.read(_HEAD_BYTES))
        for index in range(_BLOCKS):
            file.seek(max(0, size - _BLOCK_BYTES) * (index + 1) // _BLOCKS)
            digest.update(file.read(_BLOCK_BYTES))
