"""How busy a card is, asked of NVIDIA's management library, which comes with the driver; nothing has to be installed.

Signatures and numbers are those of NVIDIA's published nvml.h (API v2 entry points).
"""

from __future__ import annotations

import ctypes
from functools import lru_cache
from typing import Final

LIBRARY: Final = "libnvidia-ml.so.1"
_OK: Final = 0


class _Utilization(ctypes.Structure):
    """``nvmlUtilization_t``: percent of the last sample period, of the processor and of the memory's interface."""

    _fields_ = (("gpu", ctypes.c_uint), ("memory", ctypes.c_uint))


@lru_cache(maxsize=1)
def _library() -> ctypes.CDLL | None:
    """The library, initialized; None where there is none."""
    try:
        library = ctypes.CDLL(LIBRARY)
        return library if library.nvmlInit_v2() == _OK else None
    except (OSError, AttributeError):
        return None


@lru_cache(maxsize=16)
def _handle(uuid: str) -> ctypes.c_void_p | None:
    library = _library()
    if library is None:
        return None
    handle = ctypes.c_void_p()
    name = (uuid if uuid.startswith("GPU-") else f"GPU-{uuid}").encode("ascii", "replace")
    try:
        found = library.nvmlDeviceGetHandleByUUID(name, ctypes.byref(handle))
    except AttributeError:
        return None
    return handle if found == _OK else None


def utilization(uuid: str) -> int | None:
    """Percent of the time in which kernels ran on the card with this UUID; None when nobody can tell.

    The UUID and not the index, because CUDA_VISIBLE_DEVICES renumbers cards for CUDA alone.
    """
    library, handle = _library(), _handle(uuid)
    if library is None or handle is None:
        return None
    told = _Utilization()
    if library.nvmlDeviceGetUtilizationRates(handle, ctypes.byref(told)) != _OK:
        return None
    return int(told.gpu)
