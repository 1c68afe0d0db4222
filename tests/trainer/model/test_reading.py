from __future__ import annotations

import os
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from schemas.errors import CheckpointError, EnvironmentFault
from trainer.model.reading import Address, Component, fill


class Small(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Linear(3, 2)
        self.second = nn.Linear(2, 2, bias=False)
        self.register_buffer("computed", torch.zeros(1), persistent=False)


def small() -> Small:
    with torch.device("meta"):
        module = Small()
    module.computed = torch.ones(1)
    return module


def component(name: str = "small model") -> Component:
    return Component(name, lambda name: Address("a." + name), owns=lambda key: key.startswith("a."))


TENSORS = {
    "a.first.weight": torch.arange(6.0).view(2, 3),
    "a.first.bias": torch.tensor([1.0, 2.0], dtype=torch.bfloat16),
    "b.other": torch.zeros(3),
    "a.second.weight": torch.arange(4.0).view(2, 2).half(),
}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    place = tmp_path / "model.safetensors"
    save_file(TENSORS, place)
    return place


def test_every_dtype_arrives_as_asked(path: Path) -> None:
    module = small()
    fill(module, component(), [path], dtype=torch.float32, device="cpu")
    for name, value in module.state_dict().items():
        assert value.dtype == torch.float32
        assert torch.equal(value, TENSORS["a." + name].float())
    assert not module.training
    assert not any(value.requires_grad for value in module.parameters())


def test_what_is_loaded_does_not_hang_on_the_file(path: Path) -> None:
    module = small()
    fill(module, component(), [path], dtype=torch.float32, device="cpu")
    os.truncate(path, 0)
    assert torch.equal(module.first.weight, TENSORS["a.first.weight"])


def test_parts_of_a_fused_tensor(tmp_path: Path) -> None:
    fused = torch.arange(12.0).view(6, 2)
    save_file({"qkv": fused, "w": torch.zeros(2, 3), "b": torch.zeros(2)}, tmp_path / "x.safetensors")
    places = {"second.weight": Address("qkv", 1, 3), "first.weight": Address("w"), "first.bias": Address("b")}
    part = Component("fused model", places.__getitem__, owns=lambda _: True)
    module = small()
    fill(module, part, [tmp_path / "x.safetensors"], dtype=torch.float32, device="cpu")
    assert torch.equal(module.second.weight, fused[2:4])
    save_file({"qkv": fused[:5].clone(), "w": torch.zeros(2, 3), "b": torch.zeros(2)}, tmp_path / "x.safetensors")
    with pytest.raises(CheckpointError, match=r"\[5, 2\] instead of \[6, 2\]"):
        fill(small(), part, [tmp_path / "x.safetensors"], dtype=torch.float32, device="cpu")


def test_the_first_file_with_a_key_wins_and_others_fill_up(path: Path, tmp_path: Path) -> None:
    second = tmp_path / "second.safetensors"
    save_file({"a.first.bias": torch.full((2,), 7.0), "a.second.weight": torch.full((2, 2), 7.0)}, second)
    module = small()
    fill(module, component(), [second, path], dtype=torch.float32, device="cpu")
    assert (module.first.bias == 7).all()
    assert torch.equal(module.first.weight, TENSORS["a.first.weight"])


def test_a_place_may_take_a_tensor(path: Path) -> None:
    seen: list[str] = []

    def place(name: str, stored: Tensor) -> Tensor | None:
        seen.append(name)
        assert stored.dtype == TENSORS["a." + name].dtype
        return stored.to(torch.float64) if name == "second.weight" else None

    module = small()
    fill(module, component(), [path], dtype=torch.float32, device="cpu", place=place)
    assert sorted(seen) == ["first.bias", "first.weight", "second.weight"]
    assert module.second.weight.dtype == torch.float64
    assert module.first.weight.dtype == torch.float32


def test_meta_checks_everything_and_reads_nothing(path: Path) -> None:
    module = small()
    fill(module, component(), [path], dtype=torch.bfloat16, device="meta")
    assert all(value.is_meta and value.dtype == torch.bfloat16 for value in module.state_dict().values())


def test_a_tensor_that_no_file_can_hold_is_noticed(path: Path) -> None:
    with torch.device("meta"):
        module = Small()
    with pytest.raises(CheckpointError, match="computed"):
        fill(module, component(), [path], dtype=torch.float32, device="cpu")


def test_weights_that_are_whole_numbers_are_refused(tmp_path: Path) -> None:
    save_file({**TENSORS, "a.first.bias": torch.ones(2, dtype=torch.int64)}, tmp_path / "x.safetensors")
    with pytest.raises(CheckpointError, match=r"a\.first\.bias is not stored as floating point"):
        fill(small(), component(), [tmp_path / "x.safetensors"], dtype=torch.float32, device="cpu")


def test_all_problems_are_told_at_once(tmp_path: Path) -> None:
    tensors = {"a.first.weight": torch.zeros(3, 3), "a.surprise": torch.zeros(1), "a.second.weight": torch.zeros(2, 2)}
    save_file(tensors, tmp_path / "x.safetensors")
    with pytest.raises(CheckpointError) as fault:
        fill(small(), component(), [tmp_path / "x.safetensors"], dtype=torch.float32, device="cpu")
    for said in ("small model", "a.first.bias", "a.surprise", "[3, 3] instead of [2, 3]", "x.safetensors"):
        assert said in str(fault.value)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_that_may_not_be_read(path: Path) -> None:
    path.chmod(0)
    with pytest.raises(EnvironmentFault):
        fill(small(), component(), [path], dtype=torch.float32, device="cpu")
