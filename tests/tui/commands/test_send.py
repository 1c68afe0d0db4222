from __future__ import annotations

import json
import os
import threading
import time
from pathlib import Path

import pytest

from tests.support.events import Recording
from trainer.rundir.control import ControlInbox
from trainer.rundir.events import EventLog
from trainer.rundir.process import process_start
from tui.main import run


@pytest.fixture
def recording(tmp_path: Path) -> Recording:
    made = Recording(tmp_path / "run")
    made.clock.now = time.time()
    made.start()
    made.status("training", pid=os.getpid(), pid_start=process_start(os.getpid()))
    made.close()
    return made


def test_a_command_reaches_the_trainer(recording: Recording, capsys: pytest.CaptureFixture[str]) -> None:
    folder = str(recording.run.path)
    assert run(["send", folder, "checkpoint"]) == 0
    assert run(["send", folder, "lr", "5e-5"]) == 0
    assert run(["send", folder, "interval", "validation", "250", "--json"]) == 0
    commands = ControlInbox(recording.run).take()
    assert [command.verb for command in commands] == ["checkpoint", "lr", "interval"]
    assert commands[1].arg == 5e-5
    assert json.loads(capsys.readouterr().out.splitlines()[-1])["id"] == commands[2].id


def test_nonsense_is_refused_before_anything_is_sent(recording: Recording, capsys: pytest.CaptureFixture[str]) -> None:
    folder = str(recording.run.path)
    for arguments in (["dance"], ["lr"], ["lr", "7"], ["stop", "now"], ["interval", "tea", "5"]):
        assert run(["send", folder, *arguments]) == 2
    assert ControlInbox(recording.run).take() == []
    assert "unknown verb" in capsys.readouterr().err


def test_nobody_there_is_said(recording: Recording, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    recording.status("finished")
    assert run(["send", str(recording.run.path), "stop"]) == 2
    assert "the run is finished" in capsys.readouterr().err
    assert run(["send", str(tmp_path), "stop"]) == 2


def test_waiting_brings_the_answer(recording: Recording, capsys: pytest.CaptureFixture[str]) -> None:
    def answer() -> None:
        inbox = ControlInbox(recording.run)
        while not (commands := inbox.take()):
            time.sleep(0.01)
        with EventLog(recording.run.events_path) as events:
            events.append("control", id="another", verb="pause", result="done", message="")
            events.append("control", id=commands[0].id, verb="validate", result="done", message="3 samples")

    trainer = threading.Thread(target=answer)
    trainer.start()
    assert run(["send", str(recording.run.path), "validate", "--wait", "20"]) == 0
    trainer.join()
    assert capsys.readouterr().out.strip() == "validate: done - 3 samples"
