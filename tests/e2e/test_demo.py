"""``ltx2-wizard demo`` through real processes: interrupted, gone on with, repeated, and failed on purpose.

The torch processes are forks of the warm process; everything else is started as users start it.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from schemas import load_config
from tests.support.terminal import PATIENCE, ROOT, Terminal
from trainer.files.media import probe
from trainer.rundir import RunDirectory, read_status
from tui.launch import PYTHON_VARIABLE

pytestmark = pytest.mark.e2e

FOLDER = "a demo"
STEPS, HALF = 30, 15
"""Enough to learn what the demo asks for; the whole 120 are in the slow test of learning."""
STEPS_BEFORE_THE_STOP = 3
NOTHING = ("--set", "optimization.learning_rate=1e-12")
"""The schema refuses zero; this changes no weight by anything that is seen."""


@dataclass(frozen=True)
class Staged:
    """A demo that was interrupted while it trained, and then started again."""

    root: Path
    environment: dict[str, str]
    interrupted: int
    log: str
    code: int

    @property
    def folder(self) -> Path:
        return self.root / FOLDER

    def report(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads((self.folder / "demo.json").read_text())
        return found


def _start(root: Path, environment: dict[str, str], log: Path, *more: str) -> subprocess.Popen[bytes]:
    with log.open("wb") as output:
        return subprocess.Popen(
            [sys.executable, "-m", "tui", "demo", FOLDER, *more],
            cwd=root, env=environment, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT,
        )  # fmt: skip


def _wait_for_step(run: Path, step: int) -> None:
    deadline = time.monotonic() + 4 * PATIENCE
    while True:
        status = read_status(RunDirectory(run).status_path)
        if status is not None and status.step >= step:
            return
        assert time.monotonic() < deadline, status
        time.sleep(0.1)


@pytest.fixture(scope="module")
def staged(warm: str, tmp_path_factory: pytest.TempPathFactory) -> Staged:
    root = tmp_path_factory.mktemp("demo")
    environment = {
        **os.environ,
        "PYTHONPATH": str(ROOT),
        PYTHON_VARIABLE: f"{sys.executable} -m tests.support.warm run {warm}",
        "NO_COLOR": "1",
        "TERM": "dumb",
        "XDG_STATE_HOME": str(root / "state"),
    }
    log = root / "log"
    demo = _start(root, environment, log, "--steps", str(STEPS))
    _wait_for_step(root / FOLDER / "runs" / "t2v_lora", STEPS_BEFORE_THE_STOP)
    demo.send_signal(signal.SIGTERM)
    interrupted = demo.wait(4 * PATIENCE)
    code = _start(root, environment, log, "--steps", str(STEPS)).wait(10 * PATIENCE)
    return Staged(root, environment, interrupted, log.read_text(), code)


def test_an_interrupted_demo_goes_on_and_ends_well(staged: Staged) -> None:
    assert staged.interrupted == 128 + signal.SIGTERM
    assert staged.code == 0, staged.log
    assert [path.name for path in (staged.folder / "runs").iterdir()] == ["t2v_lora"]
    runs = _events(staged.folder / "runs" / "t2v_lora", "run")
    assert [run["resumed_from"] is None for run in runs] == [True, False]
    assert "\x1b" not in staged.log


def test_going_on_from_the_save_on_the_way_gives_the_same_weights(staged: Staged) -> None:
    report = json.loads((staged.folder / "runs" / "t2v_lora" / "demo.json").read_text())
    assert report["resumed"] == {"from_step": HALF, "to_step": STEPS, "same": True}
    assert "the same weights to the bit" in staged.log
    assert not list((staged.folder / "again").iterdir())


def test_the_report_names_what_is_there(staged: Staged) -> None:
    report = json.loads((staged.folder / "runs" / "t2v_lora" / "demo.json").read_text())
    assert {"config", "run", "lora", "samples", "fixed_loss", "passed"} <= report.keys()
    assert Path(report["lora"]).is_file()
    assert load_config(Path(report["config"])).config.output_dir == Path(report["run"])
    names = {Path(sample).name for sample in report["samples"]}
    assert {"step_000000_1.mp4", f"step_{STEPS:06d}_1.mp4"} <= names
    for sample in report["samples"]:
        info = probe(Path(sample))
        assert (info.width, info.height, info.frames, info.has_audio) == (64, 64, 49, True)
    for text in (report["lora"], report["config"], report["run"], *report["samples"], "ltx2-wizard monitor"):
        assert text in staged.log


def test_the_lora_learned_for_every_seed_of_the_draws(staged: Staged) -> None:
    report = json.loads((staged.folder / "runs" / "t2v_lora" / "demo.json").read_text())
    loss = report["fixed_loss"]
    assert report["passed"] is True
    assert [one["seed"] for one in loss["seeds"]] == [1, 2, 3]
    assert all(one["trained"] <= 0.9 * one["base"] for one in loss["seeds"])
    assert loss["trained"] == pytest.approx(sum(one["trained"] for one in loss["seeds"]) / 3)


def test_what_the_tiny_world_changes_stands_on_the_screen(staged: Staged) -> None:
    for path in ("optimization.learning_rate", "validation.stg_blocks", "validation.video_dims", "output_dir"):
        (line,) = [line for line in staged.log.splitlines() if line.startswith(f"        {path} ")]
        assert len(line.split(maxsplit=2)) == 3, "path, value, reason"


def test_a_lora_that_learned_nothing_is_a_failure_in_a_run_of_its_own_shown_in_the_monitor(staged: Staged) -> None:
    """On a terminal: the monitor takes the screen while it trains and gives it back."""
    first = (staged.folder / "ltx-2.0-tiny.safetensors").stat().st_mtime_ns
    environment = {**staged.environment, "TERM": "xterm-256color", "NO_COLOR": ""}
    arguments = ["demo", str(staged.folder), "--steps", "1", *NOTHING, "--set", "validation.interval=null"]
    terminal = Terminal(arguments, (100, 30), environment)
    try:
        terminal.wait_for("\x1b[?1049h")
        terminal.wait_for("\x1b[?1049l")
        terminal.wait_for("learned too little")
        assert terminal.process.wait(PATIENCE) == 5
    finally:
        terminal.close()
    report = staged.report()
    assert report["passed"] is False
    assert Path(report["run"]).name == "t2v_lora_2"
    for loss in report["fixed_loss"]["seeds"]:
        assert loss["trained"] == pytest.approx(loss["base"], rel=1e-3)
    assert (staged.folder / "ltx-2.0-tiny.safetensors").stat().st_mtime_ns == first


def test_an_unknown_preset_is_named(staged: Staged) -> None:
    log = staged.root / "unknown"
    assert _start(staged.root, staged.environment, log, "--preset", "t2v_lra").wait(PATIENCE) == 2
    assert "did you mean t2v_lora" in log.read_text()


def _events(run: Path, kind: str) -> list[dict[str, Any]]:
    lines = RunDirectory(run).events_path.read_text().splitlines()
    return [event for event in map(json.loads, lines) if event["type"] == kind]
