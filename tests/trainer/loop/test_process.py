"""Real trainer processes: killed, signalled, commanded."""

from __future__ import annotations

import json
import os
import random
import signal
import time
from pathlib import Path
from typing import Any

import pytest

from tests.support import warm as warm_process
from tests.trainer.loop.world import config_data, events, weights_digest, write_config
from trainer.rundir import RunDirectory, read_status, send

pytestmark = pytest.mark.e2e
STEPS = 6


def launch(socket: str, config: Path, *arguments: str, **environment: str) -> warm_process.WarmJob:
    """A trainer in a session of its own, as `train --detach` starts it."""
    log = os.open(config.with_suffix(".log"), os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    null = os.open(os.devnull, os.O_RDONLY)
    try:
        return warm_process.start(
            socket,
            ["trainer.train", str(config), *arguments],
            env={**os.environ, **environment},
            fds=(null, log, log),
            new_session=True,
        )
    finally:
        os.close(log)
        os.close(null)


def wait_for_step(output: Path, step: int, seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if output.joinpath("events.jsonl").exists() and any(
            event["step"] >= step for event in events(output, "metric")
        ):
            return
        time.sleep(0.02)
    pytest.fail(f"step {step} was not reached: {output.with_suffix('.log').read_text()}")


def configured(clips: Path, output: Path, **overrides: Any) -> Path:
    path = output.with_suffix(".yaml")
    write_config(path, config_data(clips, output, **{"optimization__steps": STEPS, **overrides}))
    return path


@pytest.fixture(scope="module")
def uninterrupted(warm: str, clips: Path, tmp_path_factory: pytest.TempPathFactory) -> str:
    """Digest of the weights after a run that nothing happened to."""
    output = tmp_path_factory.mktemp("uninterrupted") / "run"
    assert launch(warm, configured(clips, output)).wait(120) == 0
    return weights_digest(output, STEPS)


def test_kill_and_start_again_equals_no_interruption(
    warm: str, clips: Path, tmp_path: Path, uninterrupted: str
) -> None:
    output = tmp_path / "run"
    config = configured(clips, output)
    codes = []
    for step in (1, 3):
        job = launch(warm, config)
        wait_for_step(output, step)
        time.sleep(random.random() * 0.2)
        os.kill(job.pid, signal.SIGKILL)
        codes.append(job.wait(30))
    assert -signal.SIGKILL in codes, "at least one kill must have met a running trainer"
    assert launch(warm, config).wait(120) == 0
    assert weights_digest(output, STEPS) == uninterrupted
    assert events(output, "run")[-1]["resumed_from"] is not None


@pytest.mark.parametrize(
    "point", [pytest.param("state.before_commit:2", marks=pytest.mark.slow), "save.before_export:3"]
)
def test_dying_inside_a_save_loses_only_that_save(
    warm: str, clips: Path, tmp_path: Path, uninterrupted: str, point: str
) -> None:
    output = tmp_path / "run"
    config = configured(clips, output)
    assert launch(warm, config, LTX2_WIZARD_FAILPOINT=point).wait(120) == 9
    assert launch(warm, config).wait(120) == 0
    assert weights_digest(output, STEPS) == uninterrupted
    assert (output / f"checkpoints/lora_weights_step_{STEPS:05d}.safetensors").is_file()
    assert not [path for path in (output / "checkpoints").iterdir() if path.name.startswith(".")]


@pytest.mark.parametrize(
    ("number", "code"),
    [(signal.SIGTERM, 143), (signal.SIGINT, 130), (signal.SIGUSR1, 75)],
    ids=lambda value: str(value),
)
def test_a_signal_saves_and_ends(
    warm: str, clips: Path, tmp_path: Path, uninterrupted: str, number: signal.Signals, code: int
) -> None:
    output = tmp_path / "run"
    config = configured(clips, output)
    job = launch(warm, config)
    wait_for_step(output, 2)
    job.send_signal(signal.SIGHUP)
    job.send_signal(number)
    assert job.wait(60) == code
    last = max(event["step"] for event in events(output, "metric"))
    assert weights_digest(output, last)
    assert events(output, "exit")[-1]["state"] == "stopped"
    status = read_status(output / "status.json")
    assert status is not None
    assert status.phase == "stopped"
    if number == signal.SIGTERM:
        assert launch(warm, config).wait(120) == 0
        assert weights_digest(output, STEPS) == uninterrupted


def test_a_signal_to_the_whole_group_spares_the_loaders(warm: str, clips: Path, tmp_path: Path) -> None:
    """A scheduler signals every process of a job; the loaders must live until the step is done."""
    output = tmp_path / "run"
    # More clips a step than the loaders have in stock: without them this step could not be finished.
    more = {"data__num_dataloader_workers": 2, "optimization__gradient_accumulation_steps": 12}
    config = configured(clips, output, optimization__steps=10_000, **more)
    with open(os.devnull, "r+") as null:  # noqa: PTH123
        fds = (null.fileno(),) * 3
        job = warm_process.start(warm, ["trainer.train", str(config)], fds=fds, new_session=True)
    wait_for_step(output, 1)
    os.killpg(job.pid, signal.SIGTERM)
    assert job.wait(60) == 143
    assert weights_digest(output, max(event["step"] for event in events(output, "metric")))


def test_a_closed_terminal_does_not_end_the_run(warm: str, clips: Path, tmp_path: Path, uninterrupted: str) -> None:
    """Standard output is a pipe whose reader leaves in the middle."""
    output = tmp_path / "run"
    reader, writer = os.pipe()
    with open(os.devnull) as null:  # noqa: PTH123
        job = warm_process.start(
            warm, ["trainer.train", str(configured(clips, output))], fds=(null.fileno(), writer, writer)
        )
    os.close(writer)
    wait_for_step(output, 1)
    os.close(reader)
    assert job.wait(120) == 0
    assert weights_digest(output, STEPS) == uninterrupted
    assert "output_lost" in {event["code"] for event in events(output, "warning")}


def test_commands_are_obeyed_and_answered(warm: str, clips: Path, tmp_path: Path) -> None:
    output = tmp_path / "run"
    config = configured(clips, output, checkpoints__interval=100)
    run = RunDirectory(output)
    run.create()
    sent = {
        verb: send(run, verb, arg)
        for verb, arg in (("lr", 1e-3), ("interval", "checkpoint 3"), ("validate", None), ("pause", None))
    }
    (run.control_path / "9-odd.json").write_text(json.dumps({"id": "odd", "verb": "fly"}))
    job = launch(warm, config)
    deadline = time.monotonic() + 60
    while (status := read_status(run.status_path)) is None or status.phase != "paused":
        assert time.monotonic() < deadline
        time.sleep(0.05)
    assert status.step == 1
    sent["checkpoint"] = send(run, "checkpoint")
    sent["resume"] = send(run, "resume")
    wait_for_step(output, 4)
    sent["stop"] = send(run, "stop")
    assert job.wait(60) == 75
    answers = {event["id"]: event for event in events(output, "control")}
    assert answers["odd"]["result"] == "error"
    assert answers[sent["validate"]]["result"] == "error"
    for verb in ("lr", "interval", "pause", "checkpoint", "resume", "stop"):
        assert answers[sent[verb]]["result"] == "ok", verb
    saved = [event["step"] for event in events(output, "checkpoint")]
    assert saved[:2] == [1, 3]
    assert max(event["metrics"]["lr"] for event in events(output, "metric")) <= 1e-3


def test_errors_end_with_their_code_and_a_message(warm: str, clips: Path, tmp_path: Path) -> None:
    output = tmp_path / "run"
    config = configured(clips, output)
    config.write_text(config.read_text().replace("batch_size: 1", "batch_size: 99"))
    assert launch(warm, config).wait(60) == 3
    text = config.with_suffix(".log").read_text()
    assert "batch of 99" in text
    assert "Traceback" not in text
    assert not output.exists(), "nothing is left half-written"
    config.write_text("model: 3\n")
    assert launch(warm, config).wait(60) == 2
