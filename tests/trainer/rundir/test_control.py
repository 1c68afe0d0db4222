from __future__ import annotations

import json
from pathlib import Path

import pytest

from schemas.errors import UsageError
from trainer.rundir import Command, ControlInbox, Interval, RunDirectory, send
from trainer.rundir.control import sender


@pytest.fixture
def run(tmp_path: Path) -> RunDirectory:
    directory = RunDirectory(tmp_path)
    directory.create()
    return directory


def test_commands_arrive_once_in_order(run: RunDirectory) -> None:
    sent = [send(run, "pause"), send(run, "lr", "5e-5"), send(run, "interval", "checkpoint 250"), send(run, "resume")]
    taken = ControlInbox(run).take()
    assert taken == [
        Command(sent[0], "pause"),
        Command(sent[1], "lr", 5e-5),
        Command(sent[2], "interval", Interval("checkpoint", 250)),
        Command(sent[3], "resume"),
    ]
    assert ControlInbox(run).take() == []
    assert list(run.control_path.iterdir()) == []


@pytest.mark.parametrize(
    ("verb", "arg"),
    [("dance", None), ("", None), (None, None), ("stop", "now"), ("lr", None), ("lr", "fast"), ("lr", 0), ("lr", -1e-4),
     ("lr", "nan"), ("lr", "inf"), ("lr", 2), ("lr", True), ("lr", [1]), ("interval", None), ("interval", "checkpoint"),
     ("interval", "checkpoint 0"), ("interval", "checkpoint -5"), ("interval", "lunch 5"),
     ("interval", "checkpoint 1.5"),
     ("interval", ["validation", True]), ("interval", ["validation", 5, 6]), ("interval", "validation " + "9" * 5000)],
)  # fmt: skip
def test_nonsense_is_refused_before_it_is_sent_and_answered_when_it_was(
    run: RunDirectory, verb: str, arg: object
) -> None:
    with pytest.raises(UsageError):
        send(run, verb, arg)
    assert list(run.control_path.iterdir()) == []
    (run.control_path / "by-hand.json").write_text(json.dumps({"id": "me", "verb": verb, "arg": arg}))
    (command,) = ControlInbox(run).take()
    assert command.id == "me"
    assert command.problem


@pytest.mark.parametrize("text", ["", "{", "[]", "3", "[" * 5000, "x" * 70_000, '{"id": 5, "verb": "stop!"}'])
def test_broken_files_are_taken_and_named(run: RunDirectory, text: str) -> None:
    (run.control_path / "odd.json").write_text(text)
    (command,) = ControlInbox(run).take()
    assert command.id == "odd"
    assert command.problem
    assert ControlInbox(run).take() == []


def test_scripts_may_write_files_themselves(run: RunDirectory) -> None:
    (run.control_path / "a.json").write_text('{"id": "x", "verb": "stop"}')
    (run.control_path / "b.json").write_text('{"id": "y", "verb": "interval", "arg": "validation 10"}')
    (run.control_path / "c.json").write_text('{"id": "z", "verb": "lr", "arg": 0.001}')
    assert ControlInbox(run).take() == [
        Command("x", "stop"),
        Command("y", "interval", Interval("validation", 10)),
        Command("z", "lr", 0.001),
    ]


def test_unfinished_and_foreign_files_are_left_alone(run: RunDirectory) -> None:
    (run.control_path / ".tmp-x.json-1-2").write_text("{")
    (run.control_path / ".hidden.json").write_text("{")
    (run.control_path / "notes.txt").write_text("hello")
    (run.control_path / "folder.json").mkdir()
    assert ControlInbox(run).take() == []
    assert len(list(run.control_path.iterdir())) == 4


def test_send_makes_a_missing_folder_and_take_bears_its_absence(tmp_path: Path) -> None:
    run = RunDirectory(tmp_path / "run")
    assert ControlInbox(run).take() == []
    send(run, "stop")
    assert [command.verb for command in ControlInbox(run).take()] == ["stop"]


def test_a_command_that_cannot_be_removed_is_not_obeyed_for_ever(
    run: RunDirectory, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    send(run, "checkpoint")

    def refuse(_: Path) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "unlink", refuse)
    inbox = ControlInbox(run)
    assert inbox.take() == []
    assert inbox.take() == []
    assert len(caplog.records) == 1
    monkeypatch.undo()
    assert [command.verb for command in inbox.take()] == ["checkpoint"]


def test_a_command_says_who_sent_it(tmp_path: Path) -> None:
    run = RunDirectory(tmp_path)
    send(run, "pause")
    (run.control_path / "x.json").write_text('{"id": "x", "verb": "resume", "by": ["odd"]}')
    first, second = ControlInbox(run).take()
    assert first.by == sender()
    assert "@" in first.by
    assert second.by == ""
