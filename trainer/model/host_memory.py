"""Host memory that was freed, given back to the system."""

from __future__ import annotations

import ctypes
import sys


def give_back() -> None:
    """Return what the allocator keeps of freed memory; does nothing where the C library is not glibc.

    glibc keeps freed blocks of up to 32 MB for later. When large temporaries and small results take turns, it ends up
    keeping more than the results take: measured on 8 GB of weights rounded to 4.7 GB, 9.1 GB stayed with the process.
    """
    if not sys.platform.startswith("linux"):
        return
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)
