from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from schemas.errors import LockedError
from trainer.rundir import RunDirectory, RunLock

_HOLDER = """
import os, sys, time
from pathlib import Path
from trainer.rundir import RunDirectory, RunLock
lock = RunLock(RunDirectory(Path(sys.argv[1])))
lock.acquire()
if sys.argv[2] == "fork":
    child = os.fork()
    if child == 0:
        time.sleep(30)
        os._exit(0)
    print(child, flush=True)
else:
    print(0, flush=True)
time.sleep(30)
"""


def _hold(folder: Path, mode: str = "plain") -> tuple[subprocess.Popen[str], int]:
    process = subprocess.Popen([sys.executable, "-c", _HOLDER, str(folder), mode], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    return process, int(process.stdout.readline())


def _kill(process: subprocess.Popen[str]) -> None:
    process.send_signal(signal.SIGKILL)
    process.communicate()


def test_second_process_is_refused_with_the_owner_named(tmp_path: Path) -> None:
    holder, _ = _hold(tmp_path)
    try:
        with pytest.raises(LockedError, match=f"process {holder.pid} on") as refusal:
            RunLock(RunDirectory(tmp_path)).acquire()
        assert refusal.value.exit_code == 4
    finally:
        _kill(holder)


def test_kill_9_frees_it_and_old_content_harms_nobody(tmp_path: Path) -> None:
    holder, _ = _hold(tmp_path)
    _kill(holder)
    lock = RunLock(RunDirectory(tmp_path))
    before = lock.owner()
    assert before is not None
    assert before.pid == holder.pid
    with lock:
        after = lock.owner()
        assert after is not None
        assert after.pid == os.getpid()


def test_surviving_worker_does_not_keep_the_lock_of_its_dead_parent(tmp_path: Path) -> None:
    holder, child = _hold(tmp_path, "fork")
    try:
        holder.send_signal(signal.SIGKILL)
        holder.wait()
        os.kill(child, 0)
        lock = RunLock(RunDirectory(tmp_path))
        lock.acquire()
        lock.release()
    finally:
        os.kill(child, signal.SIGKILL)
        holder.communicate()


def test_fork_does_not_free_the_lock_of_its_living_parent(tmp_path: Path) -> None:
    holder, child = _hold(tmp_path, "fork")
    try:
        os.kill(child, signal.SIGKILL)
        time.sleep(0.05)
        with pytest.raises(LockedError):
            RunLock(RunDirectory(tmp_path)).acquire()
    finally:
        _kill(holder)


def test_same_process_cannot_hold_it_twice_and_release_is_complete(tmp_path: Path) -> None:
    run = RunDirectory(tmp_path)
    lock = RunLock(run)
    with lock:
        assert lock.owner() is not None
        with pytest.raises(LockedError):
            RunLock(run).acquire()
    assert not lock.held
    with RunLock(run):
        pass


@pytest.mark.parametrize("content", ["", "nonsense", "[]", '{"host": 1}'])
def test_foreign_content_is_harmless(tmp_path: Path, content: str) -> None:
    run = RunDirectory(tmp_path)
    run.lock_path.write_text(content)
    assert RunLock(run).owner() is None
    with RunLock(run) as lock:
        assert lock.owner() is not None
