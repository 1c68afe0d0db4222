"""One small prepared world for the tests of this room."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from tests.support.tiny import TinyWorld, prepared, tiny_world
from trainer.demo.clips import ROLES, ClipShape


@pytest.fixture(autouse=True, scope="session")
def _one_thread() -> None:
    torch.set_num_threads(1)


@pytest.fixture(scope="session")
def world(tmp_path_factory: pytest.TempPathFactory) -> TinyWorld:
    """Three clips of 96x64, 27 frames at 25 fps, with a file for every role."""
    root = tmp_path_factory.mktemp("world")
    return tiny_world(root, roles=ROLES, count=3, shape=ClipShape(width=96, height=64, frames=27, fps=25))


@pytest.fixture(scope="session")
def data(world: TinyWorld) -> Path:
    """The world prepared with one bucket of 64x64x25."""
    return prepared(world)
