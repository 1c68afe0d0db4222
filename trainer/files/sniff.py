"""What a file that is not a safetensors file most likely is, from its first bytes.

A wrong file under a right name is the most common loading failure (a pointer left by git-lfs, an error page saved by a
download tool, a GGUF quantisation), so the answer says what to do and not only what is wrong.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Guess:
    """What a file is taken to be, and what its owner should do."""

    what: str
    hint: str


_DOWNLOAD_AGAIN = "download the file again and compare its size with the one shown on the download page"
_MAGIC: Final[tuple[tuple[bytes, Guess], ...]] = (
    (
        b"version https://git-lfs",
        Guess(
            "a git-lfs pointer (a small text file that stands for the real one)",
            "run `git lfs pull` in that folder, or download the file itself",
        ),
    ),
    (
        b"GGUF",
        Guess("a GGUF file (quantised for llama.cpp style inference)", "use the bf16 .safetensors file of the release"),
    ),
    (
        b"PK\x03\x04",
        Guess("a zip archive (probably a torch.save file)", "use the .safetensors file of the release"),
    ),
    (b"\x80\x02", Guess("a Python pickle (an old torch.save file)", "use the .safetensors file of the release")),
    (b"\x80\x04", Guess("a Python pickle", "use the .safetensors file of the release")),
    (b"<!DOCTYPE", Guess("a web page (the download was answered with HTML)", _DOWNLOAD_AGAIN)),
    (b"<!doctype", Guess("a web page (the download was answered with HTML)", _DOWNLOAD_AGAIN)),
    (b"<html", Guess("a web page (the download was answered with HTML)", _DOWNLOAD_AGAIN)),
    (b"{", Guess("a JSON text file (an index or a config, not the weights)", "name the .safetensors file itself")),
)
SNIFF_BYTES: Final = 64


def guess(start: bytes) -> Guess | None:
    """Guess from the first bytes of a file; None when they could be the start of a safetensors file."""
    for magic, answer in _MAGIC:
        if start.startswith(magic):
            return answer
    if start and not start.strip(b"\0"):
        return Guess("zeros at its start (space was reserved but the download never filled it)", _DOWNLOAD_AGAIN)
    return None
