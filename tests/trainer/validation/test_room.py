"""Decoding first tries beside the transformer, then without it."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import pytest
import torch
from torch import nn

from trainer.validation import room
from trainer.validation.room import StrandedError, come_back, set_aside, with_room

CPU = torch.device("cpu")


@pytest.mark.parametrize(
    "error", [torch.OutOfMemoryError("no memory left"), RuntimeError("cuDNN error: CUDNN_STATUS_ALLOC_FAILED")]
)
def test_it_is_tried_again_when_memory_runs_out(error: RuntimeError) -> None:
    tries: list[str] = []

    def work() -> str:
        tries.append("x")
        if len(tries) == 1:
            raise error
        return "decoded"

    assert with_room(work, nn.Linear(2, 2), CPU) == "decoded"
    assert len(tries) == 2


def test_another_fault_is_not_tried_again() -> None:
    tries: list[str] = []

    def work() -> None:
        tries.append("x")
        raise RuntimeError("shapes cannot be multiplied")

    for attempt in (lambda: with_room(work, nn.Linear(2, 2), CPU), lambda: come_back(work, CPU)):
        with pytest.raises(RuntimeError, match="shapes"):
            attempt()
    assert len(tries) == 2


@pytest.mark.parametrize(("needed", "expected"), [(100, ["work"]), (101, ["aside", "work", "back"])])
def test_the_estimate_decides_beforehand(monkeypatch: pytest.MonkeyPatch, needed: int, expected: list[str]) -> None:
    done: list[str] = []

    @contextlib.contextmanager
    def aside(_: nn.Module) -> Iterator[None]:
        done.append("aside")
        yield
        done.append("back")

    monkeypatch.setattr(room, "free_bytes", lambda _: 100)
    monkeypatch.setattr(room, "set_aside", aside)
    with_room(lambda: done.append("work"), nn.Linear(2, 2), CPU, needed)
    assert done == expected


def test_what_never_fits_is_said() -> None:
    def work() -> None:
        raise torch.OutOfMemoryError("no memory left")

    with pytest.raises(torch.OutOfMemoryError):
        with_room(work, nn.Linear(2, 2), CPU)


@pytest.mark.parametrize("fulls", [1, 2])
def test_coming_back_is_tried_again_and_then_said(fulls: int) -> None:
    tries: list[str] = []

    def move() -> None:
        tries.append("x")
        if len(tries) <= fulls:
            raise torch.OutOfMemoryError("no memory left")

    if fulls == 1:
        come_back(move, CPU)
    else:
        with pytest.raises(StrandedError, match="does not fit on the device any more") as raised:
            come_back(move, CPU)
        assert raised.value.exit_code == 4
    assert len(tries) == 2


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_weights_leave_the_card_and_come_back() -> None:
    card = torch.device("cuda", 0)
    model = nn.Sequential(nn.Linear(64, 64), nn.BatchNorm1d(64)).to(card)
    stays = nn.Linear(8, 8)
    model.append(stays)  # one that lives on the CPU, as swapped blocks do
    before = {name: value.clone() for name, value in model.state_dict().items()}
    parameters = list(model.parameters())
    held = torch.cuda.memory_allocated(card)
    with set_aside(model):
        assert {value.device.type for value in model.state_dict().values()} == {"cpu"}
        assert torch.cuda.memory_allocated(card) < held
    assert all(one is other for one, other in zip(model.parameters(), parameters, strict=True))
    assert stays.weight.device == CPU
    for name, value in model.state_dict().items():
        assert torch.equal(value, before[name])
        assert value.device == before[name].device
