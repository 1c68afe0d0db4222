from __future__ import annotations

import resource
import signal
from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file

from schemas.errors import EnvironmentFault
from trainer.model.io import write_safetensors


def test_tensors_and_metadata_come_back(tmp_path: Path) -> None:
    path = tmp_path / "x.safetensors"
    strided = torch.arange(12.0).view(3, 4).T
    write_safetensors(path, {"a": strided, "b": torch.ones(2, dtype=torch.bfloat16, requires_grad=True)}, {"k": "v"})
    found = load_file(path)
    assert torch.equal(found["a"], strided)
    assert found["b"].dtype == torch.bfloat16
    with safe_open(str(path), framework="pt") as file:
        assert file.metadata() == {"k": "v"}
    assert [path.name for path in tmp_path.iterdir()] == ["x.safetensors"]


def test_a_full_disk_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    """The file-size limit of this process stands for the disk: the system refuses the write half-way."""
    path = tmp_path / "x.safetensors"
    write_safetensors(path, {"a": torch.ones(4)})
    old = path.read_bytes()
    limits, handler = resource.getrlimit(resource.RLIMIT_FSIZE), signal.getsignal(signal.SIGXFSZ)
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 16, limits[1]))
    try:
        with pytest.raises(EnvironmentFault, match="cannot write") as fault:
            write_safetensors(path, {"a": torch.ones(1 << 20)})
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, handler)
    assert str(path) in str(fault.value)
    assert path.read_bytes() == old
    assert [path.name for path in tmp_path.iterdir()] == ["x.safetensors"]


def test_a_missing_directory_is_said(tmp_path: Path) -> None:
    with pytest.raises(EnvironmentFault, match="cannot write"):
        write_safetensors(tmp_path / "no" / "x.safetensors", {"a": torch.ones(1)})
