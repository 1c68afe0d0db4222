"""Fixtures that several rooms share: the warm process that jobs are forked from, and one tiny world."""

from __future__ import annotations

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


@pytest.fixture(scope="session")
def warm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Socket of a process with the heavy imports done; see tests/support/warm.py. WARM_SOCKET names one that runs."""
    if running := os.environ.get("WARM_SOCKET"):
        yield running
        return
    socket = tmp_path_factory.mktemp("warm") / "socket"
    log = (socket.parent / "log").open("w")
    server = subprocess.Popen(
        [sys.executable, "-m", "tests.support.warm", "serve", str(socket)], cwd=ROOT, stdout=log, stderr=log
    )
    deadline = time.monotonic() + 180
    while not socket.exists():
        if server.poll() is not None or time.monotonic() > deadline:
            pytest.fail(f"the warm process did not start: {(socket.parent / 'log').read_text()}")
        time.sleep(0.1)
    yield str(socket)
    server.send_signal(signal.SIGKILL)
    server.wait()
    log.close()
