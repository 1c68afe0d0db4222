"""The output directory: free, writable, this run's own, with room."""

from __future__ import annotations

import json
import os
import shutil
from collections import namedtuple
from pathlib import Path

import pytest

from schemas import validate
from tests.trainer.preflight.world import World, codes, only
from trainer.preflight.facts import Facts
from trainer.preflight.rules_output import one_save
from trainer.rundir import RunDirectory, RunLock

Usage = namedtuple("Usage", "total used free")


def state(world: World, step: int, *changes: str) -> Path:
    """A training state of the world's configuration with these changes, as far as the preflight reads it."""
    config = validate(world.data(*changes)).model_dump(mode="json")
    path = RunDirectory(world.root / "out").state_path(step)
    path.mkdir(parents=True)
    (path / "state.json").write_text(json.dumps({"config": config, "step": step}), "utf-8")
    return path


def test_nothing_is_created(world: World) -> None:
    world.check()
    assert not (world.root / "out").exists()


def test_a_file_in_the_way(world: World) -> None:
    (world.root / "out").write_text("x", "utf-8")
    assert only(world.check(), "output-not-a-directory").exit_code == 4


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_not_writable(world: World) -> None:
    (world.root / "out").mkdir(mode=0o500)
    assert only(world.check(), "output-not-writable").exit_code == 4


def test_locked_by_another_run(world: World) -> None:
    run = RunDirectory(world.root / "out")
    run.create()
    assert codes(world.check()) == []
    with RunLock(run):
        found = only(world.check(), "output-locked")
        assert found.exit_code == 4
        assert f"process {os.getpid()}" in found.message
    assert codes(world.check()) == []


def test_the_same_run_goes_on(world: World) -> None:
    state(world, 500)
    report = world.check("optimization.learning_rate=2e-4", "validation.interval=50")
    assert codes(report) == []
    assert any("goes on from step 500" in problem.message for problem in report.problems)


def test_another_run(world: World) -> None:
    state(world, 500)
    found = only(world.check("lora.rank=8", "seed=7"), "output-other-run")
    assert (found.path, found.exit_code) == ("output_dir", 2)
    assert "lora.rank: 4 -> 8" in found.message
    assert "seed: 42 -> 7" in found.message
    assert codes(world.check("lora.rank=8", "checkpoints.no_resume=true")) == []


def test_a_finished_run(world: World) -> None:
    state(world, 2000)
    assert only(world.check(), "output-finished").severity == "warning"


def test_a_state_that_cannot_be_read(world: World) -> None:
    (state(world, 500) / "state.json").write_text("{", "utf-8")
    assert only(world.check(), "output-state").severity == "warning"


def test_saves_without_a_state(world: World) -> None:
    run = RunDirectory(world.root / "out")
    run.create()
    run.lora_export_path(500).touch()
    assert "no training state" in only(world.check(), "output-other-run").message


def test_bytes_of_a_save(world: World) -> None:
    def size(*changes: str) -> int:
        return one_save(Facts(validate(world.data(*changes))))

    # Inputs + outputs of the attention linears of one block, video 64 wide and audio 32: two video attentions (512
    # each), two audio ones (256 each), two across (320 each). Times rank 4, 2 blocks, 2 bytes.
    one = size("checkpoints.save_training_state=off")
    assert one == (2 * 512 + 2 * 256 + 2 * 320) * 4 * 2 * 2
    assert size("checkpoints.save_training_state=minimal") == one * 3
    assert size("checkpoints.save_training_state=full") == one * 7
    assert size("checkpoints.save_training_state=off", "checkpoints.precision=float32") == one * 2
    full = size("model.training_mode=full", "lora=null", "checkpoints.save_training_state=off")
    assert full > world.model.stat().st_size


@pytest.mark.parametrize(
    ("share", "code", "severity"), [(1.9, "disk-full", "error"), (2.5, "disk-space", "warning"), (1000, "disk", "info")]
)
def test_disk(world: World, monkeypatch: pytest.MonkeyPatch, share: float, code: str, severity: str) -> None:
    one = one_save(Facts(validate(world.data())))
    monkeypatch.setattr(shutil, "disk_usage", lambda _: Usage(0, 0, int(one * share)))
    found = next(problem for problem in world.check().problems if problem.code.startswith("disk"))
    assert (found.code, found.severity) == (code, severity)
    if severity == "error":
        assert found.exit_code == 4
