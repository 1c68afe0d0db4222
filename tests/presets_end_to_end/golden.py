"""Training losses that must not drift unnoticed: the mean over the steps, one number a preset, in ``losses.json``.

They hold on any processor: all inputs are made from seeds, computation is in fp32 on one thread, and what remains is
the order of sums in other instruction sets (measured between SSE and AVX-512: 1e-4 on a single step, LIMIT on the
mean). After a change that is meant to move them, renew them and look at the differences before committing:

    RENEW_LOSSES=1 python -m pytest tests/presets_end_to_end tests/e2e/test_demo.py
"""

from __future__ import annotations

import json
import math
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import pytest

LOSSES: Final = Path(__file__).with_name("losses.json")
TOLERANCE: Final = 1e-4
"""Relative."""


def compare(name: str, losses: Sequence[float]) -> None:
    """Fail when the mean of ``losses`` differs from that stored for ``name``; with RENEW_LOSSES, store it instead."""
    mean = math.fsum(losses) / len(losses)
    stored: dict[str, float] = json.loads(LOSSES.read_text(encoding="utf-8")) if LOSSES.exists() else {}
    if os.environ.get("RENEW_LOSSES"):
        stored[name] = float(f"{mean:.7g}")
        LOSSES.write_text(json.dumps(stored, indent=2, sort_keys=True) + "\n", encoding="utf-8")
        return
    assert mean == pytest.approx(stored[name], rel=TOLERANCE)
