"""A state exists whole or not at all, whatever ends the process while it is written."""

from __future__ import annotations

import json
import os
import resource
import shutil
import signal
import weakref
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest
import torch

from schemas.errors import CheckpointError, EnvironmentFault
from trainer.loop import state_files
from trainer.loop.failpoints import EXIT, VARIABLE
from trainer.loop.state_files import (
    MANIFEST,
    TrainingState,
    quarantine,
    read_state,
    settle_replaced,
    verify_state,
    write_state,
)
from trainer.rundir import RunDirectory

POINTS = (
    "state.before_weights",
    "state.after_weights",
    "state.before_manifest",
    "state.before_commit",
    "state.after_commit",
)


@pytest.fixture
def run(tmp_path: Path) -> RunDirectory:
    directory = RunDirectory(tmp_path)
    directory.create()
    return directory


def state(step: int, value: float = 1.0) -> TrainingState:
    return TrainingState(
        step=step,
        config_fingerprint="f",
        weights={"a.lora_A.weight": torch.full((4, 3), value)},
        optimizer={"a.lora_A.weight/exp_avg": torch.full((4, 3), value / 2), "a/step": torch.tensor(float(step))},
        numbers={"batches": step * 2},
    )


def in_child(work: Callable[[], object]) -> int:
    """Run ``work`` in a fork of this process and return its exit code."""
    pid = os.fork()
    if pid == 0:
        try:
            work()
        finally:
            os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def whole_states(run: RunDirectory) -> list[int]:
    """Steps whose state verifies; anything that looks committed must."""
    steps = []
    for step, path in run.states():
        verify_state(path)
        steps.append(step)
    return steps


def test_what_is_written_is_read(run: RunDirectory) -> None:
    path = write_state(run, state(3))
    assert path.name == "step_000003"
    found = read_state(path)
    assert (found.step, found.config_fingerprint, found.numbers["batches"]) == (3, "f", 6)
    assert torch.equal(found.weights["a.lora_A.weight"], torch.ones(4, 3))
    assert found.optimizer is not None
    assert torch.equal(found.optimizer["a/step"], torch.tensor(3.0))
    assert sorted(entry.name for entry in path.iterdir()) == [
        "manifest.json", "optimizer.safetensors", "state.json", "weights.safetensors"
    ]  # fmt: skip


@pytest.mark.parametrize("point", POINTS)
def test_a_kill_inside_the_save_leaves_the_old_or_the_new_state(
    run: RunDirectory, point: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_state(run, state(2))
    monkeypatch.setenv(VARIABLE, point)
    assert in_child(lambda: write_state(run, state(4))) == EXIT
    monkeypatch.delenv(VARIABLE)
    assert whole_states(run) == ([2, 4] if point == "state.after_commit" else [2])
    run.remove_leftovers()
    names = {path.name for path in run.checkpoints_path.iterdir()}
    assert names == {path.name for _, path in run.states()}
    write_state(run, state(4))
    assert whole_states(run) == [2, 4]


@pytest.mark.parametrize("delay", [0.0, 0.01, 0.03])
def test_a_real_kill_at_any_moment(run: RunDirectory, delay: float) -> None:
    write_state(run, state(2))
    big = TrainingState(4, "f", {"w": torch.zeros(4_000_000)}, None, {"batches": 8})
    pid = os.fork()
    if pid == 0:
        write_state(run, big)
        os._exit(0)
    signal.sigtimedwait([signal.SIGUSR2], delay)
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    assert whole_states(run) in ([2], [2, 4])


def test_a_repeated_step_replaces_the_older_state(run: RunDirectory) -> None:
    write_state(run, state(2, 1.0))
    write_state(run, state(2, 5.0))
    assert float(read_state(run.state_path(2)).weights["a.lora_A.weight"][0, 0]) == 5.0
    assert [path.name for path in run.checkpoints_path.iterdir()] == ["step_000002"]


def test_a_repeated_step_that_cannot_be_committed_leaves_the_older_state(
    run: RunDirectory, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_state(run, state(2, 1.0))

    def refuse(temporary: Path, final: Path) -> None:
        raise EnvironmentFault("cannot commit the directory", where=final, why=f"{temporary.name} is on a bad disk")

    with monkeypatch.context() as broken:
        broken.setattr(state_files, "commit_directory", refuse)
        with pytest.raises(EnvironmentFault, match="cannot commit"):
            write_state(run, state(2, 5.0))
    assert float(read_state(run.state_path(2)).weights["a.lora_A.weight"][0, 0]) == 1.0
    assert [path.name for path in run.checkpoints_path.iterdir()] == ["step_000002"]


def test_a_kill_while_a_state_is_replaced_loses_neither(run: RunDirectory, monkeypatch: pytest.MonkeyPatch) -> None:
    write_state(run, state(2, 1.0))
    monkeypatch.setenv(VARIABLE, "state.replaced")
    assert in_child(lambda: write_state(run, state(2, 5.0))) == EXIT
    assert run.states() == []
    run.remove_leftovers()
    settle_replaced(run.checkpoints_path)
    assert float(read_state(run.state_path(2)).weights["a.lora_A.weight"][0, 0]) == 1.0
    assert [path.name for path in run.checkpoints_path.iterdir()] == ["step_000002"]


class OneByOne(Mapping[str, torch.Tensor]):
    """Tensors that are made when they are asked for; counts how many are alive at once."""

    def __init__(self, count: int) -> None:
        self._count = count
        self._alive: weakref.WeakSet[torch.Tensor] = weakref.WeakSet()
        self.most = 0

    def __getitem__(self, name: str) -> torch.Tensor:
        made = torch.full((16, 16), float(name), dtype=torch.bfloat16)
        self._alive.add(made)
        self.most = max(self.most, len(self._alive))
        return made

    def __iter__(self) -> Iterator[str]:
        return map(str, range(self._count))

    def __len__(self) -> int:
        return self._count


def test_tensors_are_written_one_after_the_other(run: RunDirectory) -> None:
    """A full training has a model's worth of each: the host never holds a copy of all."""
    weights, moments = OneByOne(50), OneByOne(100)
    write_state(run, TrainingState(2, "f", weights, moments, {"batches": 8}))
    assert (weights.most, moments.most) == (2, 2)
    found = read_state(run.state_path(2))
    assert found.weights["7"].dtype == torch.float32
    assert found.optimizer is not None
    assert torch.equal(found.optimizer["99"], moments["99"])


@pytest.mark.parametrize("name", ["weights.safetensors", "optimizer.safetensors", "state.json"])
@pytest.mark.parametrize("harm", ["flip", "truncate", "delete"])
def test_any_damage_is_found(run: RunDirectory, name: str, harm: str) -> None:
    path = write_state(run, state(2)) / name
    data = bytearray(path.read_bytes())
    if harm == "delete":
        path.unlink()
    elif harm == "truncate":
        path.write_bytes(data[: len(data) // 2])
    else:
        data[len(data) // 2] ^= 1
        path.write_bytes(data)
    with pytest.raises(CheckpointError) as raised:
        read_state(run.state_path(2))
    assert name in str(raised.value)


@pytest.mark.parametrize("text", ["", "{", "[]", '{"files": 3, "schema": 1}', '{"files": {}, "schema": 1}'])
def test_a_damaged_manifest_is_an_error(run: RunDirectory, text: str) -> None:
    path = write_state(run, state(2))
    (path / MANIFEST).write_text(text)
    with pytest.raises(CheckpointError, match="manifest"):
        read_state(path)


def test_a_newer_format_is_refused(run: RunDirectory) -> None:
    path = write_state(run, state(2))
    manifest = json.loads((path / MANIFEST).read_text())
    (path / MANIFEST).write_text(json.dumps({**manifest, "schema": 99}))
    with pytest.raises(CheckpointError, match="version 99"):
        read_state(path)


def test_a_refusing_disk_leaves_older_states_alone(run: RunDirectory) -> None:
    write_state(run, state(2))
    big = TrainingState(4, "f", {"w": torch.zeros(100_000)}, None, {"batches": 8})
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    previous = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, hard))
    try:
        with pytest.raises(EnvironmentFault, match="cannot write the checkpoint"):
            write_state(run, big)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        signal.signal(signal.SIGXFSZ, previous)
    assert whole_states(run) == [2]
    assert [path.name for path in run.checkpoints_path.iterdir()] == ["step_000002"]


def test_setting_aside_never_overwrites(run: RunDirectory) -> None:
    names = [quarantine(write_state(run, state(2))).name for _ in range(2)]
    assert names == ["step_000002.corrupt", "step_000002.corrupt2"]
    assert run.states() == []
    shutil.rmtree(run.path)
