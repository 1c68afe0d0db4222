from __future__ import annotations

import dataclasses
import json
import logging
import os
import shutil
import socket
import threading
import time
from pathlib import Path

import pytest

from schemas.errors import EnvironmentFault
from trainer.rundir import RunDirectory, StatusWriter, process_start, read_status


def test_first_write_names_the_process(tmp_path: Path) -> None:
    run = RunDirectory(tmp_path)
    with StatusWriter(run, run_id="abc"):
        status = read_status(run.status_path)
    assert status is not None
    assert (status.run_id, status.host, status.pid) == ("abc", socket.gethostname(), os.getpid())
    assert status.pid_start == process_start(os.getpid())
    assert json.loads(run.status_path.read_text())["v"] == 1


def test_update_is_on_disk_at_once_and_heartbeat_is_no_change(tmp_path: Path) -> None:
    run = RunDirectory(tmp_path)
    now = [100.0]
    with StatusWriter(run, lambda: now[0], heartbeat_s=0.02) as writer:
        now[0] = 200.0
        writer.update(phase="training", step=3, total=9, eta_s=float("inf"), step_s=1.5)
        status = read_status(run.status_path)
        assert status is not None
        assert (status.phase, status.step, status.total, status.eta_s, status.step_s) == ("training", 3, 9, None, 1.5)
        assert status.changed == status.updated == 200.0
        now[0] = 300.0
        deadline = time.monotonic() + 5
        while read_status(run.status_path) == status and time.monotonic() < deadline:
            time.sleep(0.01)
    assert read_status(run.status_path) == dataclasses.replace(status, updated=300.0)


def test_unknown_phase_or_field_is_refused(tmp_path: Path) -> None:
    with StatusWriter(RunDirectory(tmp_path)) as writer:
        with pytest.raises(ValueError, match="unknown phase"):
            writer.update(phase="dancing")
        with pytest.raises(TypeError):
            writer.update(stpe=3)
        assert writer.status.phase == "loading"


def test_readers_never_see_a_half_file(tmp_path: Path) -> None:
    run = RunDirectory(tmp_path)
    stop = threading.Event()
    with StatusWriter(run, heartbeat_s=0.001) as writer:

        def work() -> None:
            step = 0
            while not stop.is_set():
                step += 1
                writer.update(step=step, message="x" * (step % 3000))

        worker = threading.Thread(target=work)
        worker.start()
        seen = [read_status(run.status_path) for _ in range(500)]
        stop.set()
        worker.join()
    assert None not in seen
    steps = [status.step for status in seen if status]
    assert steps == sorted(steps)
    assert steps[-1] > 0


def test_first_write_fails_loudly_and_later_ones_are_counted(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with pytest.raises(EnvironmentFault):
        StatusWriter(RunDirectory(tmp_path / "absent"))
    folder = tmp_path / "run"
    folder.mkdir()
    with caplog.at_level(logging.WARNING), StatusWriter(RunDirectory(folder)) as writer:
        shutil.rmtree(folder)
        writer.update(step=1)
        writer.update(step=2)
        assert writer.failures == 2
        folder.mkdir()
        writer.update(step=3)
    assert len(caplog.records) == 1
    status = read_status(folder / "status.json")
    assert status is not None
    assert status.step == 3


@pytest.mark.parametrize(
    "text",
    ["", "{", "[]", "null", '{"v": 2, "run_id": "a", "host": "h", "pid": 1}', '{"v": 1, "run_id": "a", "host": "h"}',
     '{"v": 1, "run_id": "a", "host": "h", "pid": "1"}', "[" * 100_000, "\x00\xff"],
)  # fmt: skip
def test_unreadable_status_is_none(tmp_path: Path, text: str) -> None:
    path = tmp_path / "status.json"
    path.write_bytes(text.encode("latin-1"))
    assert read_status(path) is None
    assert read_status(tmp_path / "absent") is None


def test_unknown_fields_are_ignored(tmp_path: Path) -> None:
    path = tmp_path / "status.json"
    path.write_text('{"v": 1, "run_id": "a", "host": "h", "pid": 1, "mood": "good"}')
    status = read_status(path)
    assert status is not None
    assert (status.run_id, status.phase) == ("a", "loading")
