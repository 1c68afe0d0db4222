"""``train`` on a real terminal: progress, Ctrl-C, a line that drops, detaching.

The trainer is a stand-in that keeps the run directory with the real writers; everything before and around it is the
real thing, the preflight included.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support import prepared
from tests.support.terminal import PATIENCE, ROOT, Terminal
from trainer.rundir.layout import RunDirectory
from trainer.rundir.process import same_process
from trainer.rundir.status import Status, read_status
from tui.launch import PYTHON_VARIABLE

pytestmark = pytest.mark.e2e

CONFIG = """\
model: {{model_path: {checkpoint}, text_encoder_path: null}}
data: {{preprocessed_data_root: {data}}}
lora: {{rank: 4, alpha: 4}}
training_strategy: {{name: flexible, video: {{is_generated: true, latents_dir: latents}}}}
validation: {{interval: null}}
output_dir: {out}
"""


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two prepared samples of the shapes that the tiny 2.3 checkpoint takes."""
    root = tmp_path_factory.mktemp("data")
    made = {"latents": prepared.video(3, 2, 2, channels=16), "conditions": prepared.text(64, 32, 128)}
    return prepared.dataset(root, made, ("a", "b"))


@pytest.fixture
def config(tmp_path: Path, data: Path) -> Path:
    path = tmp_path / "config.yaml"
    checkpoint = ROOT / "tests/golden/ltx2.3_tiny_checkpoint.safetensors"
    path.write_text(CONFIG.format(checkpoint=checkpoint, data=data, out=tmp_path / "out"))
    return path


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    return {
        PYTHON_VARIABLE: f"{sys.executable} -m tests.support.stub_trainer",
        "STUB_TRAINER": "100000 finish",
        "XDG_STATE_HOME": str(tmp_path / "state"),
        "XDG_CACHE_HOME": str(tmp_path / "cache"),
    }


@pytest.fixture
def run(tmp_path: Path) -> Iterator[RunDirectory]:
    """The run directory; whatever still trains there afterwards is ended."""
    directory = RunDirectory(tmp_path / "out")
    yield directory
    status = read_status(directory.status_path)
    if status is not None and same_process(status.pid, status.pid_start):
        os.kill(status.pid, signal.SIGKILL)


def _cli(environment: dict[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "tui", *arguments],
        cwd=ROOT, env={**os.environ, **environment}, capture_output=True, text=True, check=False, timeout=PATIENCE,
    )  # fmt: skip


def _training(run: RunDirectory) -> Status:
    deadline = time.monotonic() + PATIENCE
    while not ((status := read_status(run.status_path)) and status.step > 2):
        assert time.monotonic() < deadline, "it never trained"
        time.sleep(0.05)
    return status


def test_detached_then_listed_told_to_stop_and_listed_again(
    config: Path, environment: dict[str, str], run: RunDirectory
) -> None:
    started = _cli(environment, "train", str(config), "--detach")
    assert started.returncode == 0, started.stderr
    assert "ltx2-wizard monitor" in started.stdout
    _training(run)
    [found] = json.loads(_cli(environment, "runs", "--json", str(run.path)).stdout)
    assert found["state"] == "running"
    stopped = _cli(environment, "send", str(run.path), "stop", "--wait", "30")
    assert stopped.returncode == 0, stopped.stderr
    deadline = time.monotonic() + PATIENCE
    while json.loads(_cli(environment, "runs", "--json", str(run.path)).stdout)[0]["state"] != "stopped":
        assert time.monotonic() < deadline


def test_a_dropped_line_never_kills_the_trainer(config: Path, environment: dict[str, str], run: RunDirectory) -> None:
    terminal = Terminal(["train", str(config)], (80, 24), environment)
    terminal.wait_for("step ")
    os.close(terminal.master)  # the kernel hangs up on everybody in the terminal's session
    assert terminal.process.wait(PATIENCE) != 0
    before = _training(run)
    time.sleep(0.3)
    after = read_status(run.status_path)
    assert after is not None
    assert after.step > before.step
    assert same_process(after.pid, after.pid_start)


def test_ctrl_c_asks_once_and_stop_means_save_and_end(
    config: Path, environment: dict[str, str], run: RunDirectory
) -> None:
    terminal = Terminal(["train", str(config)], (80, 24), environment)
    terminal.wait_for("step ")
    terminal.press(b"\x03")
    terminal.wait_for("save and stop (s)")
    terminal.press(b"s\r")
    assert terminal.process.wait(PATIENCE) == 75
    terminal.close()
    status = read_status(run.status_path)
    assert status is not None
    assert status.phase == "stopped"


def test_the_exit_code_is_the_trainers(config: Path, environment: dict[str, str], run: RunDirectory) -> None:
    assert _cli({**environment, "STUB_TRAINER": "3 finish"}, "train", str(config)).returncode == 0
    died = _cli({**environment, "STUB_TRAINER": "3 die"}, "train", str(config))
    assert died.returncode == 137
    assert "about to die" in died.stderr


def test_what_the_preflight_refuses_is_never_started(
    config: Path, environment: dict[str, str], run: RunDirectory
) -> None:
    config.write_text(config.read_text().replace("latents_dir: latents", "latents_dir: absent"))
    refused = _cli(environment, "train", str(config))
    assert refused.returncode in {2, 3}
    assert "absent" in refused.stderr
    assert not run.path.exists()


async def test_the_wizard_checks_trains_and_watches(
    config: Path, environment: dict[str, str], run: RunDirectory, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tests.tui.app.support import app, shown, until
    from tui.app.screens.monitor import MonitorScreen
    from tui.app.screens.wizard import WizardScreen
    from tui.forms.opening import open_draft

    for name, value in {**environment, "STUB_TRAINER": "60 finish", "PYTHONPATH": str(ROOT)}.items():
        monkeypatch.setenv(name, value)
    draft, _ = open_draft(config)
    draft.set("optimization.steps", 60)
    async with app(WizardScreen(draft)).run_test(size=(100, 30)) as pilot:
        await pilot.press("t")
        await until(pilot, lambda: "Start training?" in shown(pilot), PATIENCE)
        assert not draft.dirty, "the draft is saved before it is trained"
        await pilot.press("y")
        await until(pilot, lambda: isinstance(pilot.app.screen, MonitorScreen), PATIENCE)
        await until(pilot, lambda: "FINISHED" in shown(pilot, "#title"), PATIENCE)
        await pilot.press("q")
        await until(pilot, lambda: isinstance(pilot.app.screen, WizardScreen))


async def test_the_wizard_shows_what_the_preflight_refuses(config: Path) -> None:
    from tests.tui.app.support import app, shown, until
    from tui.app.screens.wizard import WizardScreen
    from tui.forms.opening import open_draft

    config.write_text(config.read_text().replace("latents_dir: latents", "latents_dir: absent"))
    draft, _ = open_draft(config)
    async with app(WizardScreen(draft)).run_test(size=(100, 30)) as pilot:
        await pilot.press("t")
        await until(pilot, lambda: "Training cannot start" in shown(pilot), PATIENCE)
        assert "absent" in shown(pilot)


def test_a_killed_trainer_is_shown_as_crashed_within_15_s(
    config: Path, environment: dict[str, str], run: RunDirectory
) -> None:
    assert _cli(environment, "train", str(config), "--detach").returncode == 0
    terminal = Terminal(["monitor", str(run.path)], (80, 24), environment)
    terminal.wait_for("RUNNING")
    os.kill(_training(run).pid, signal.SIGKILL)
    killed = time.monotonic()
    terminal.wait_for("CRASHED")
    assert time.monotonic() - killed < 15
    terminal.wait_for("\x1b]9;")  # told to whoever is not looking
    terminal.press(b"q")
    assert terminal.process.wait(PATIENCE) == 0
    terminal.close()
    [found] = json.loads(_cli(environment, "runs", "--json", str(run.path)).stdout)
    assert found["state"] == "crashed"


def test_a_hook_is_told_of_a_detached_run(
    config: Path, environment: dict[str, str], run: RunDirectory, tmp_path: Path
) -> None:
    told = tmp_path / "told"
    hook = f"{sys.executable} -c 'import sys; open(sys.argv[1], \"a\").write(sys.stdin.read())' '{told}'"
    started = _cli({**environment, "STUB_TRAINER": "3 finish"}, "train", str(config), "--detach", "--on-event", hook)
    assert started.returncode == 0, started.stderr
    deadline = time.monotonic() + PATIENCE
    while not (told.exists() and '"exit"' in told.read_text()):
        assert time.monotonic() < deadline, run.log_path.read_text()
        time.sleep(0.05)
    assert [json.loads(line)["type"] for line in told.read_text().splitlines()] == ["run", "exit"]


def test_cards_processes_and_hooks_that_cannot_be_are_refused_at_once(
    config: Path, environment: dict[str, str], run: RunDirectory
) -> None:
    for wrong in (["--gpu", "0,1"], ["--num-processes", "2"], ["--on-event", "'open"]):
        refused = _cli(environment, "train", str(config), *wrong)
        assert refused.returncode == 2, wrong
    assert not run.path.exists()
