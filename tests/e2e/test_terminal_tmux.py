"""One day of a user inside tmux: a new configuration, a typo, the mend, the file; then a run that is watched."""

from __future__ import annotations

import os
import shutil
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from schemas import load_config
from tests.support.events import Recording
from tests.support.terminal import ROOT
from tests.support.tmux import Tmux
from trainer.rundir.process import process_start

pytestmark = [pytest.mark.e2e, pytest.mark.skipif(shutil.which("tmux") is None, reason="tmux is not installed")]


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
    tmux.type("End", "Enter")
    tmux.wait_for("step 200/2000")
    tmux.resize(160, 45)
    assert "gradient norm" in tmux.wait_for("loss by modality")
    tmux.resize(40, 12)
    recording.steps(1)
    recording.status("training", pid=os.getpid(), pid_start=process_start(os.getpid()))
    tmux.wait_for("step 201/2000")
    tmux.type("q")
    tmux.wait_for("fine-tune")
    tmux.type("q")
    tmux.wait_for("left-0")
