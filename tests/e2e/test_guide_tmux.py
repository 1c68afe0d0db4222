"""The guide on a real terminal: from home to a training of the demo's clips, with keys that the footer shows."""

from __future__ import annotations

import os
import shutil
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.demo_world import DemoWorld, demo_world
from tests.support.terminal import PATIENCE, ROOT
from tests.support.tmux import Tmux
from trainer.rundir import RunDirectory, read_status
from trainer.rundir.process import same_process
from tui.launch import PYTHON_VARIABLE

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.slow,
    pytest.mark.skipif(shutil.which("tmux") is None, reason="tmux is not installed"),
]


@pytest.fixture(scope="module")
def world(warm: str, tmp_path_factory: pytest.TempPathFactory) -> DemoWorld:
    """The demo's model, text encoder and clips, not prepared."""
    return demo_world(tmp_path_factory.mktemp("demo"), warm)


@pytest.fixture
def tmux(world: DemoWorld, warm: str, tmp_path: Path) -> Iterator[Tmux]:
    for name, part in (("m.safetensors", world.checkpoint), ("gemma", world.gemma), ("clips", world.dataset.parent)):
        (tmp_path / name).symlink_to(part)
    environment = {
        "XDG_STATE_HOME": str(tmp_path / "state"),
        "PYTHONPATH": str(ROOT),
        "OMP_NUM_THREADS": "1",
        PYTHON_VARIABLE: f"{sys.executable} -m tests.support.warm run {warm}",
        "LTX": f"{sys.executable} -m tui",
    }
    session = Tmux(tmp_path, (120, 40), environment)
    yield session
    session.close()
    status = read_status(RunDirectory(tmp_path / "outputs" / "t2v_lora").status_path)
    if status is not None and same_process(status.pid, status.pid_start):
        os.kill(status.pid, signal.SIGKILL)


def press(tmux: Tmux, key: str, shown: str) -> None:
    """Press a key once the footer of the screen or of the dialog names it."""
    tmux.wait_for(f" {shown}")
    tmux.type(key)


def fill(tmux: Tmux, asked: str, text: str) -> None:
    """Replace the text in the editor that asks for ``asked``."""
    press(tmux, "Enter", "Enter Edit")
    tmux.wait_for(asked)
    tmux.type(*["BSpace"] * 40)
    tmux.type("-l", text)
    press(tmux, "Enter", "Enter OK")


def test_from_home_to_a_training_of_the_demos_clips(tmux: Tmux, tmp_path: Path) -> None:
    tmux.type("$LTX; echo left-$?", "Enter")
    press(tmux, "n", "n New")
    tmux.wait_for("What should the model learn?")
    press(tmux, "Enter", "Enter Choose")
    tmux.wait_for("Model files")
    fill(tmux, "(model.model_path)", "m.safetensors")
    tmux.wait_for("LTX-2.0")
    fill(tmux, "(model.text_encoder_path)", "gemma")
    tmux.wait_for("it matches")
    press(tmux, "Tab", "Tab Next")
    tmux.wait_for("preprocessed_data_root")
    fill(tmux, "(data.preprocessed_data_root)", "clips/dataset.json")
    tmux.wait_for("6 clips, not prepared yet")
    press(tmux, "p", "p Prepare")
    tmux.wait_for("[96, 64, 73]")
    press(tmux, "s", "s Start")
    press(tmux, "Escape", "Esc Back")
    tmux.wait_for("6 complete clips", 4 * PATIENCE)
    press(tmux, ":", ": Commands")
    tmux.wait_for("What do you want to do?")
    tmux.type("-l", "validation.interval")
    press(tmux, "Enter", "Enter Choose")
    tmux.wait_for("between two validations")
    fill(tmux, "(validation.interval)", "")
    press(tmux, "F9", "F9 Train")
    tmux.wait_for("Start training?")
    press(tmux, "y", "y Yes")
    tmux.wait_for("Save as")
    press(tmux, "Enter", "Enter OK")
    tmux.wait_for("/2000", 4 * PATIENCE)
    assert (tmp_path / "t2v_lora.yaml").is_file()
    press(tmux, "q", "q Detach")
    tmux.wait_for("Guide")
    press(tmux, "q", "q Close")
    press(tmux, "q", "q Quit")
    tmux.wait_for("left-0")
