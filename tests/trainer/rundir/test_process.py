from __future__ import annotations

import os
import subprocess
import sys

import psutil
import pytest

from trainer.rundir.process import _portable_start, process_start, same_process


def test_self_is_alive_and_same() -> None:
    start = process_start(os.getpid())
    assert start is not None
    assert same_process(os.getpid(), start)
    assert same_process(os.getpid(), None)


def test_reused_number_is_another_process() -> None:
    start = process_start(os.getpid())
    assert start is not None
    assert not same_process(os.getpid(), start - 100)


def test_dead_and_unreaped_processes_are_gone() -> None:
    process = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    assert process.stdin is not None
    start = process_start(process.pid)
    assert start is not None
    process.kill()
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)  # dead, its remains still there
    assert not same_process(process.pid, start)
    assert _portable_start(process.pid) is None
    process.stdin.close()
    process.wait()
    assert process_start(process.pid) is None
    assert _portable_start(process.pid) is None


@pytest.mark.parametrize("pid", [0, -1, 2**30])
def test_impossible_numbers(pid: int) -> None:
    assert process_start(pid) is None


def test_strange_process_names_do_not_confuse(tmp_path: object) -> None:
    code = "import ctypes; ctypes.CDLL(None).prctl(15, b'a) R (b', 0, 0, 0); print(1, flush=True); input()"
    with subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        start = process_start(process.pid)
        assert start is not None
        created = psutil.Process(process.pid).create_time() - psutil.boot_time()
        assert start == pytest.approx(created, abs=2)
        process.kill()
