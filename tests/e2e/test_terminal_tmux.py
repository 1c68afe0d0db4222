"""One day of a user inside tmux: a new configuration, a typo, the mend, the file; then a run that is watched."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from schemas import load_config
from tests.support.events import Recording
from tests.support.terminal import PATIENCE, ROOT
from trainer.rundir.process import process_start

pytestmark = [pytest.mark.e2e, pytest.mark.skipif(shutil.which("tmux") is None, reason="tmux is not installed")]


class Tmux:
    """A tmux server of its own with one window."""

    def __init__(self, folder: Path, size: tuple[int, int], environment: dict[str, str]) -> None:
        self._socket = str(folder / "tmux.sock")
        settings = [word for name, value in environment.items() for word in ("-e", f"{name}={value}")]
        self._tmux("-f", "/dev/null", "new-session", "-d", "-s", "t", "-x", str(size[0]), "-y", str(size[1]),
                   "-c", str(folder), *settings, "sh")  # fmt: skip

    def _tmux(self, *arguments: str) -> str:
        done = subprocess.run(["tmux", "-S", self._socket, *arguments], capture_output=True, text=True, check=True)
        return done.stdout

    def type(self, *keys: str) -> None:
        self._tmux("send-keys", "-t", "t", *keys)

    def resize(self, columns: int, rows: int) -> None:
        self._tmux("resize-window", "-t", "t", "-x", str(columns), "-y", str(rows))

    def screen(self) -> str:
        return self._tmux("capture-pane", "-p", "-t", "t")

    def wait_for(self, text: str) -> str:
        deadline = time.monotonic() + PATIENCE
        while text not in (screen := self.screen()):
            assert time.monotonic() < deadline, screen
            time.sleep(0.1)
        return screen

    def close(self) -> None:
        subprocess.run(["tmux", "-S", self._socket, "kill-server"], capture_output=True, check=False)


@pytest.fixture
def tmux(tmp_path: Path) -> Iterator[Tmux]:
    environment = {
        "XDG_STATE_HOME": str(tmp_path / "state"),
        "PYTHONPATH": str(ROOT),
        "LTX": f"{sys.executable} -m tui",
    }
    session = Tmux(tmp_path, (80, 24), environment)
    yield session
    session.close()


def test_a_configuration_is_made_mended_and_saved(tmux: Tmux, tmp_path: Path) -> None:
    tmux.type("$LTX new --preset t2v_lora -o fox.yaml; echo left-$?", "Enter")
    tmux.wait_for("Checkpoint")
    tmux.type("/")
    tmux.type("rank")
    tmux.wait_for("Rank")
    tmux.type("Enter")
    tmux.type("Enter")
    tmux.wait_for("lora.rank)")
    tmux.type("BSpace", "BSpace", "1", "Enter")
    tmux.wait_for("1 error")
    tmux.type("u")
    tmux.wait_for("valid")
    tmux.resize(60, 16)
    tmux.wait_for("Rank")
    tmux.type("w")
    tmux.wait_for("saved")
    tmux.type("q")
    tmux.wait_for("left-0")
    assert load_config(tmp_path / "fox.yaml").config.lora is not None


def test_a_run_is_watched_through_every_size(tmux: Tmux, tmp_path: Path) -> None:
    recording = Recording(tmp_path / "outputs" / "fox")
    recording.clock.now = time.time()
    recording.start()
    recording.steps(200)
    recording.status("training", pid=os.getpid(), pid_start=process_start(os.getpid()))
    tmux.type("$LTX; echo left-$?", "Enter")
    tmux.wait_for("outputs/fox")
    tmux.type("Down", "Down", "Down", "Enter")
    tmux.wait_for("step 200/2000")
    tmux.resize(160, 45)
    assert "grad_norm" in tmux.wait_for("loss/audio")
    tmux.resize(40, 12)
    recording.steps(1)
    recording.status("training", pid=os.getpid(), pid_start=process_start(os.getpid()))
    tmux.wait_for("step 201/2000")
    tmux.type("q")
    tmux.wait_for("New configuration")
    tmux.type("q")
    tmux.wait_for("left-0")
