"""A wish to stop is heeded wherever a run is: reading, encoding, measuring, sampling."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import Any

import pytest

from schemas.errors import EnvironmentFault
from tests.trainer.loop.world import events, train, weights_digest
from trainer.loop.clips import ClipDataset
from trainer.loop.held_out import HeldOutLoss
from trainer.loop.reporter import Reporter
from trainer.rundir import RunDirectory, read_status, send


def phase_of(output: Path) -> str:
    status = read_status(output / "status.json")
    assert status is not None
    return status.phase


@pytest.mark.parametrize("phase", ["caching", "loading"])
@pytest.mark.parametrize("wish", ["signal", "command"])
def test_while_it_starts(clips: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, phase: str, wish: str) -> None:
    output = tmp_path / "run"
    real, shares = Reporter.share, []

    def share(self: Reporter, where: str, message: str, done: int, total: int) -> None:
        shares.append(where)
        if shares.count(phase) == 2 and where == phase:
            if wish == "signal":
                os.kill(os.getpid(), signal.SIGTERM)
            else:
                send(RunDirectory(output), "stop")
        real(self, where, message, done, total)

    monkeypatch.setattr(Reporter, "share", share)
    assert train(clips, output) == (143 if wish == "signal" else 75)
    assert shares.count(phase) == 2, "nothing more of that phase is done"
    assert phase_of(output) == "stopped"
    assert events(output, "exit")[-1]["state"] == "stopped"
    assert events(output, "metric") == []
    assert not list((output / "control").iterdir()), "the next run would obey it"
    answers = [(event["verb"], event["result"]) for event in events(output, "control")]
    assert answers == ([("stop", "ok")] if wish == "command" else [])
    monkeypatch.undo()
    if phase == "caching" and wish == "signal":
        assert train(clips, output, optimization__steps=1) == 0


def test_while_a_loss_is_measured(clips: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    measured: list[int] = []
    real = HeldOutLoss._add

    def add(self: HeldOutLoss, plain: Any, position: int, losses: Any) -> None:
        measured.append(position)
        if len(measured) == 5:  # the second clip after the second step
            os.kill(os.getpid(), signal.SIGTERM)
        real(self, plain, position, losses)

    shape = {"validation__loss_interval": 2, "validation__loss_holdout": 3, "checkpoints__interval": None}
    whole, output = tmp_path / "whole", tmp_path / "run"
    assert train(clips, whole, **{**shape, "validation__loss_interval": None}) == 0
    monkeypatch.setattr(HeldOutLoss, "_add", add)
    assert train(clips, output, **shape) == 143
    assert measured == [0, 1, 2, 0, 1]
    assert [event["step"] for event in events(output, "checkpoint")] == [2]
    assert "validation_given_up" in [event["code"] for event in events(output, "warning")]
    monkeypatch.undo()
    assert train(clips, output, **shape) == 0
    assert weights_digest(output, 4) == weights_digest(whole, 4)


def test_a_loader_that_dies_is_the_machines_fault_and_the_state_is_saved(
    clips: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As when /dev/shm is full: the kernel kills the process that loads clips."""
    parent, real = os.getpid(), ClipDataset.clip
    loaded = 0

    def clip(self: ClipDataset, position: int) -> Any:
        nonlocal loaded
        if os.getpid() != parent:
            loaded += 1
            if loaded == 4:
                os.kill(os.getpid(), signal.SIGBUS)
        return real(self, position)

    monkeypatch.setattr(ClipDataset, "clip", clip)
    output = tmp_path / "run"
    with pytest.raises(EnvironmentFault, match="process that loads clips ended") as raised:
        train(clips, output, data__num_dataloader_workers=1, checkpoints__interval=None)
    assert "num_dataloader_workers" in str(raised.value)
    assert "shm" in str(raised.value)
    assert events(output, "exit")[-1]["code"] == 4
    done = len(events(output, "metric"))
    assert done > 0
    assert weights_digest(output, done)
