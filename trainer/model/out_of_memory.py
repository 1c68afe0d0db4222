"""Whether an error says that memory ran out: PyTorch has a class of its own for some of them only."""

from __future__ import annotations

from typing import Final

import torch

_SAID: Final = ("_ALLOC_FAILED", "_ALLOCATION_FAILED", "out of memory", "not enough memory", "can't allocate memory")
"""cuBLAS, cuSOLVER and cuSPARSE; cuDNN 9; CUDA itself and Triton; the host's allocator on Windows and on Linux."""


def is_out_of_memory(error: RuntimeError) -> bool:
    """Whether freeing memory, or needing less of it, would have helped."""
    if isinstance(error, torch.OutOfMemoryError):
        return True
    said = str(error)
    return any(words in said for words in _SAID)
