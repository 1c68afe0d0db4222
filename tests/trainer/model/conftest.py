"""The tiny checkpoints, their reference values, and copies of them with something wrong."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor

from tests.goldens.tiny_io import GoldenIo

torch.set_num_threads(1)
GOLDEN = Path(__file__).parents[2] / "golden"
VERSIONS = ("2.0", "2.3", "2.5")

Change = Callable[[dict[str, Tensor], dict[str, Any]], object]
"""Edits the tensors and the configuration of a copied checkpoint."""


@cache
def golden_io(version: str) -> GoldenIo:
    return GoldenIo(GOLDEN / f"ltx{version}_tiny_io.safetensors")


@pytest.fixture(params=VERSIONS)
def version(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def golden(version: str) -> GoldenIo:
    """Inputs and outputs of the original implementation, one checkpoint after the other."""
    return golden_io(version)


@pytest.fixture
def changed(tmp_path: Path) -> Callable[[str, Change], Path]:
    """A copy of a tiny checkpoint with real changes in it."""

    def copy(version: str, change: Change) -> Path:
        tensors: dict[str, Tensor] = {}
        with safe_open(str(GOLDEN / f"ltx{version}_tiny_checkpoint.safetensors"), framework="pt") as file:
            metadata = dict(file.metadata())
            for name in file.keys():  # noqa: SIM118 - not a mapping
                tensors[name] = file.get_tensor(name)
        config = json.loads(metadata["config"])
        change(tensors, config)
        path = tmp_path / f"changed_{version}.safetensors"
        save_file(tensors, path, metadata={**metadata, "config": json.dumps(config)})
        return path

    return copy
