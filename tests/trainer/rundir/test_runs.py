from __future__ import annotations

import dataclasses
import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from trainer.rundir import EventLog, RunDirectory, Status, StatusWriter, list_runs, process_start, summarize
from trainer.rundir.runs import derive_state

NOW = 1_000_000.0


def _status(**changes: Any) -> Status:
    mine = Status(
        run_id="r",
        host=socket.gethostname(),
        pid=os.getpid(),
        pid_start=process_start(os.getpid()),
        phase="training",
        step=10,
        total=100,
        step_s=1.0,
        changed=NOW,
        updated=NOW,
    )
    return dataclasses.replace(mine, **changes)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, "running"),
        ({"phase": "loading", "changed": NOW - 3000, "step_s": None}, "running"),
        ({"phase": "validating", "changed": NOW - 3000}, "running"),
        ({"phase": "paused", "changed": NOW - 3000}, "paused"),
        ({"phase": "finished", "pid": 2**30}, "finished"),
        ({"phase": "stopped", "updated": 0.0}, "stopped"),
        ({"phase": "failed", "host": "elsewhere", "updated": 0.0}, "failed"),
        ({"pid": 2**30}, "crashed"),
        ({"pid_start": 1.0}, "crashed"),  # the number was given to another process
        ({"phase": "paused", "pid": 2**30}, "crashed"),
        ({"updated": NOW - 61, "changed": NOW - 61}, "stalled"),
        ({"changed": NOW - 59}, "running"),
        ({"changed": NOW - 61}, "stalled"),
        ({"changed": NOW - 61, "step_s": 20.0}, "running"),  # ten steps take 200 s
        ({"changed": NOW - 201, "step_s": 20.0}, "stalled"),
        ({"host": "elsewhere", "pid": 2**30}, "running"),  # its numbers mean nothing here
        ({"host": "elsewhere", "updated": NOW - 100}, "stalled"),
        ({"host": "elsewhere", "updated": NOW - 700}, "crashed"),
    ],
)
def test_derived_state(changes: dict[str, Any], expected: str) -> None:
    assert derive_state(_status(**changes), now=NOW) == expected


def _write(folder: Path, status: Status, events: list[dict[str, Any]]) -> Path:
    run = RunDirectory(folder)
    run.create()
    run.status_path.write_text(json.dumps(dataclasses.asdict(status)))
    with EventLog(run.events_path) as log:
        for event in events:
            log.append(event.pop("type"), **event)
    return folder


def test_summary_has_step_total_and_last_loss(tmp_path: Path) -> None:
    folder = _write(
        tmp_path / "a",
        _status(),
        [{"type": "metric", "step": step, "metrics": {"loss": 1.0 / step}} for step in (1, 2, 4)] + [{"type": "phase"}],
    )
    summary = summarize(folder, clock=lambda: NOW)
    assert (summary.dir, summary.state, summary.step, summary.total, summary.loss) == (folder, "running", 10, 100, 0.25)


def test_exit_event_speaks_for_a_status_that_was_never_written(tmp_path: Path) -> None:
    gone = _status(pid=2**30)
    ended: list[dict[str, Any]] = [{"type": "run", "run_id": "r"}, {"type": "exit", "state": "stopped", "code": 75}]
    assert (
        summarize(_write(tmp_path / "a", gone, [dict(event) for event in ended]), clock=lambda: NOW).state == "stopped"
    )
    again = [*ended, {"type": "run", "run_id": "r"}]
    assert (
        summarize(_write(tmp_path / "b", gone, [dict(event) for event in again]), clock=lambda: NOW).state == "crashed"
    )


def test_runs_are_found_below_roots_and_sorted(tmp_path: Path) -> None:
    _write(tmp_path / "x" / "old", _status(updated=NOW - 30, phase="finished"), [])
    _write(tmp_path / "x" / "deep" / "new", _status(updated=NOW - 1), [])
    _write(tmp_path / "x" / "old" / "inside", _status(), [])  # part of that run, not a run to list
    _write(tmp_path / "x" / ".hidden", _status(), [])
    (tmp_path / "x" / "loop").symlink_to(tmp_path / "x")
    (tmp_path / "x" / "empty").mkdir()
    found = list_runs([tmp_path / "x", tmp_path / "x" / "deep", tmp_path / "none"], clock=lambda: NOW)
    assert [(run.dir.name, run.state) for run in found] == [("new", "running"), ("old", "finished")]


def test_run_without_status_is_young_or_crashed(tmp_path: Path) -> None:
    run = RunDirectory(tmp_path / "a")
    run.create()
    run.lock_path.write_text("")
    now = time.time()
    assert summarize(run.path, clock=lambda: now).state == "running"
    assert summarize(run.path, clock=lambda: now + 100).state == "crashed"


_TRAINER = """
import sys, time
from pathlib import Path
from trainer.rundir import RunDirectory, StatusWriter
writer = StatusWriter(RunDirectory(Path(sys.argv[1])), heartbeat_s=0.05)
writer.update(phase="training", step=5, total=10)
print("up", flush=True)
time.sleep(60)
"""


def test_kill_9_turns_running_into_crashed(tmp_path: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", _TRAINER, str(tmp_path)], stdout=subprocess.PIPE) as trainer:
        assert trainer.stdout is not None
        trainer.stdout.readline()
        assert summarize(tmp_path).state == "running"
        trainer.send_signal(signal.SIGSTOP)
        assert summarize(tmp_path, clock=lambda: time.time() + 100).state == "stalled"
        trainer.send_signal(signal.SIGKILL)
    assert summarize(tmp_path).state == "crashed"


def test_writer_that_says_finished_stays_finished(tmp_path: Path) -> None:
    with StatusWriter(RunDirectory(tmp_path)) as writer:
        writer.update(phase="finished", step=10, total=10)
    assert [run.state for run in list_runs([tmp_path])] == ["finished"]


def test_a_run_that_is_just_being_started_is_one(tmp_path: Path) -> None:
    RunDirectory(tmp_path).log_path.touch()
    [found] = list_runs([tmp_path])
    assert (found.state, found.step) == ("running", 0)
    assert list_runs([tmp_path], clock=lambda: time.time() + 100)[0].state == "crashed"
