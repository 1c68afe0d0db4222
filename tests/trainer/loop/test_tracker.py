"""Weights & Biases, by its real client, offline."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from schemas import validate
from tests.trainer.loop.test_process import launch
from tests.trainer.loop.world import config_data, events, write_config
from trainer.loop.reporter import Reporter
from trainer.loop.tracker import NoTracker, WandbTracker, start_tracker
from trainer.rundir import EventLog, RunDirectory, StatusWriter


class Client:
    """As much of the client's module as trouble needs."""

    Error = LookupError


class Unreachable:
    """A run whose service is gone."""

    def log(self, *_: Any, **__: Any) -> None:
        raise OSError("connection refused")

    def finish(self, **_: Any) -> None:
        raise OSError("connection refused")


SAMPLES_PROGRAM = """
import sys
from pathlib import Path
from types import SimpleNamespace

from schemas import load_config
from trainer.loop.reporter import Reporter
from trainer.loop.tracker import start_tracker
from trainer.rundir import EventLog, RunDirectory, StatusWriter

config = load_config(sys.argv[1]).config
run = RunDirectory(Path(config.output_dir))
run.create()
with EventLog(run.events_path) as log, StatusWriter(run) as status:
    tracker = start_tracker(config, "id", Reporter(log, status))
    made = [SimpleNamespace(path=Path(name), prompt="a fox") for name in sys.argv[2:]]
    tracker.log(3, {"loss": 1.0})
    tracker.log_samples(3, made)
    tracker.close(0)
"""


@pytest.mark.e2e
def test_samples_go_there_as_media(clips: Path, tmp_path: Path) -> None:
    config = tmp_path / "run.yaml"
    output = tmp_path / "run"
    write_config(config, config_data(clips, output, wandb={"enabled": True, "project": "p"}))
    files = [tmp_path / "sample.mp4", tmp_path / "sample.wav"]
    for file in files:
        file.write_bytes(b"media")
    subprocess.run(
        [sys.executable, "-c", SAMPLES_PROGRAM, str(config), *map(str, files)],
        check=True,
        env={**os.environ, "WANDB_MODE": "offline"},
    )
    assert not [event for event in events(output, "warning") if event["code"] == "wandb"]
    stored = {path.suffix for path in output.glob("wandb/offline-run-*/files/media/*/*")}
    assert {".mp4", ".wav"} <= stored


@pytest.mark.e2e
def test_an_offline_run_is_recorded_and_does_not_disturb(warm: str, clips: Path, tmp_path: Path) -> None:
    output = tmp_path / "run"
    config = tmp_path / "run.yaml"
    data = config_data(clips, output, optimization__steps=2, wandb={"enabled": True, "project": "p", "tags": ["t"]})
    write_config(config, data)
    assert launch(warm, config, WANDB_MODE="offline").wait(120) == 0, config.with_suffix(".log").read_text()
    assert not [event for event in events(output, "warning") if event["code"] == "wandb"]
    (record,) = output.glob("wandb/offline-run-*/run-*.wandb")
    content = record.read_bytes()
    assert b"train/loss" in content
    assert b"train/grad_norm" in content


def test_trouble_is_told_once_and_never_raised(tmp_path: Path) -> None:
    run = RunDirectory(tmp_path)
    run.create()
    with EventLog(run.events_path) as log, StatusWriter(run) as status:
        tracker = WandbTracker(Unreachable(), Client, Reporter(log, status), with_samples=True)
        for step in (1, 2):
            tracker.log(step, {"loss": 1.0})
        tracker.close(0)
    assert len([event for event in events(tmp_path, "warning") if event["code"] == "wandb"]) == 1


def test_nothing_is_tracked_unless_asked(clips: Path, tmp_path: Path) -> None:
    run = RunDirectory(tmp_path)
    run.create()
    with EventLog(run.events_path) as log, StatusWriter(run) as status:
        tracker = start_tracker(validate(config_data(clips, tmp_path)), "id", Reporter(log, status))
    assert isinstance(tracker, NoTracker)
