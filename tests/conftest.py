"""Fixtures that several rooms share: the warm process that jobs are forked from, and one tiny world."""

from __future__ import annotations

import fcntl
import gc
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent

# One thread: sums then have one order, so that runs can be compared bit for bit.
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("TEXTUAL_ANIMATIONS", "none")
os.environ["COLORTERM"] = "truecolor"  # colours are those of a modern terminal, wherever the tests run
os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("WANDB_MODE", "offline")
# A runner in the background of a script starts with Ctrl-C ignored, and so would every process tested here.
signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_finish() -> None:
    """Everything imported so far stays: without it a full collection, as freeing a model asks for, is ten times as
    quick."""
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="session")
def warm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Socket of a process with the heavy imports done; see tests/support/warm.py. WARM_SOCKET names one that runs.

    Test processes that run side by side share one; the one that started it ends it when the others are done with it.
    """
    if running := os.environ.get("WARM_SOCKET"):
        yield running
        return
    base = tmp_path_factory.getbasetemp()
    folder = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base
    with (folder / "warm.lock").open("w") as starting, (folder / "warm.users").open("w") as users:
        fcntl.flock(starting, fcntl.LOCK_EX)
        server = None if (folder / "warm").exists() else _start_warm(folder)
        fcntl.flock(users, fcntl.LOCK_SH)
        fcntl.flock(starting, fcntl.LOCK_UN)
        yield str(folder / "warm")
        if server is not None:
            fcntl.flock(starting, fcntl.LOCK_EX)
            fcntl.flock(users, fcntl.LOCK_EX)
            (folder / "warm").unlink()
            server.send_signal(signal.SIGKILL)
            server.wait()


def _start_warm(folder: Path) -> subprocess.Popen[bytes]:
    """Start the warm process and wait until it listens."""
    socket = folder / "warm"
    with (folder / "warm.log").open("w") as log:
        server = subprocess.Popen(
            [sys.executable, "-m", "tests.support.warm", "serve", str(socket)], cwd=ROOT, stdout=log, stderr=log
        )
    deadline = time.monotonic() + 180
    while not socket.exists():
        if server.poll() is not None or time.monotonic() > deadline:
            pytest.fail(f"the warm process did not start: {(folder / 'warm.log').read_text()}")
        time.sleep(0.1)
    return server
