"""Every test of the loop computes on one thread and finds no accelerator of the test before."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from accelerate.state import AcceleratorState

from tests.trainer.loop.world import write_clips


@pytest.fixture(autouse=True)
def _fresh_accelerator() -> Iterator[None]:
    torch.set_num_threads(1)
    AcceleratorState._reset_state(reset_partial_state=True)
    yield
    AcceleratorState._reset_state(reset_partial_state=True)


@pytest.fixture(scope="session")
def clips(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six prepared clips of one shape."""
    return write_clips(tmp_path_factory.mktemp("clips"))
