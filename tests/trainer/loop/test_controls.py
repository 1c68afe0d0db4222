from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.trainer.loop.world import events
from trainer.loop.controls import Desk
from trainer.loop.lr import LearningRate
from trainer.rundir import ControlInbox, EventLog, RunDirectory, send


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    run = RunDirectory(tmp_path)
    run.create()
    with EventLog(run.events_path) as log:
        yield Desk(ControlInbox(run), log, LearningRate("constant", 1e-4, {}), 100, 50, can_validate=True)


def answers(folder: Path) -> dict[str, str]:
    return {event["id"]: event["result"] for event in events(folder, "control")}


def test_what_acts_at_once_is_answered_at_once(desk: Desk, tmp_path: Path) -> None:
    run = RunDirectory(tmp_path)
    sent = [send(run, "lr", 2e-4), send(run, "interval", "checkpoint 7"), send(run, "interval", ["validation", 9])]
    desk.poll()
    assert desk.learning_rate.at(5) == 2e-4
    assert (desk.checkpoint_interval, desk.validation_interval) == (7, 9)
    assert answers(tmp_path) == dict.fromkeys(sent, "ok")


def test_what_takes_time_is_answered_when_done(desk: Desk, tmp_path: Path) -> None:
    run = RunDirectory(tmp_path)
    first, second = send(run, "checkpoint"), send(run, "validate")
    desk.poll()
    assert answers(tmp_path) == {}
    (command,) = desk.take_due("checkpoint")
    desk.answer(command, "ok", "saved step 3")
    assert answers(tmp_path) == {first: "ok"}
    assert [command.id for command in desk.due] == [second]


def test_a_stop_ends_a_pause(desk: Desk, tmp_path: Path) -> None:
    run = RunDirectory(tmp_path)
    states = []
    for verb in ("pause", "stop"):
        send(run, verb)
        desk.poll()
        states.append((desk.paused, desk.stop is not None))
    assert states == [(True, False), (False, True)]


def test_nonsense_is_answered_too(desk: Desk, tmp_path: Path) -> None:
    (tmp_path / "control/1-x.json").write_text('{"id": "x", "verb": "lr", "arg": "fast"}')
    desk.can_validate = False
    identity = send(RunDirectory(tmp_path), "validate")
    desk.poll()
    assert answers(tmp_path) == {"x": "error", identity: "error"}
    assert desk.due == []
