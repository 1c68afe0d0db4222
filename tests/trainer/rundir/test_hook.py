"""The program of --on-event: told everything worth telling, and never in the way."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

import pytest

from schemas.errors import UsageError
from trainer.rundir.events import EventLog, EventReader
from trainer.rundir.hook import CODE, EventHook, parse_hook, told_to

COLLECT = "import sys, os; open(sys.argv[1], 'ab').write(sys.stdin.buffer.read())"


def _collecting(target: Path) -> str:
    return f"{sys.executable} -c \"{COLLECT}\" '{target}'"


def _lines(path: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_it_is_told_what_happens_in_order_and_the_end_too(tmp_path: Path) -> None:
    target = tmp_path / "with space; echo $HOME"
    with EventLog(tmp_path / "events.jsonl") as log:
        with told_to(_collecting(target), log, lambda *_: pytest.fail("no trouble expected")):
            log.append("run", run_id="a")
            log.append("phase", phase="loading", message="tensor", done=1, total=9)
            log.append("metric", step=1, metrics={"loss": float("nan")})
            log.append("control", id="1", verb="lr", message="\x1b]0;title\x07")
            log.append("exit", state="finished", code=0)
        log.append("late")
    told = _lines(target)
    assert [event["type"] for event in told] == ["run", "control", "exit"]
    assert told == [event for event in EventReader(tmp_path / "events.jsonl").poll() if event in told]


def test_nobody_is_told_without_a_hook(tmp_path: Path) -> None:
    with EventLog(tmp_path / "events.jsonl") as log, told_to("", log, lambda *_: None):
        assert log.observer is None


@pytest.mark.parametrize(
    ("command", "trouble"),
    [
        ("/no/such/program", "cannot be started"),
        (f"{sys.executable} -c 'raise SystemExit(3)'", "exit code 3"),
        (f"{sys.executable} -c 'import os; os.close(0)'", ""),
        ("sh -c 'sleep 60 & wait'", "killed after 0.3 s"),
    ],
)
def test_trouble_is_told_once_and_holds_nothing_up(command: str, trouble: str) -> None:
    told: list[tuple[str, str]] = []
    hook = EventHook(command, lambda code, message: told.append((code, message)), timeout_s=0.3)
    began = time.monotonic()
    for number in range(2):
        hook.offer({"v": 1, "t": 0.0, "type": "warning", "code": str(number), "message": "x" * 100_000})
    assert time.monotonic() - began < 0.2
    hook.close()
    assert len(told) == bool(trouble)
    assert all(code == CODE and trouble in message for code, message in told)


def test_too_many_events_for_a_slow_program_are_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("trainer.rundir.hook.WAITING", 2)
    told: list[str] = []
    hook = EventHook("sleep 60", lambda _, message: told.append(message), timeout_s=0.1)
    for _ in range(5):
        hook.offer({"v": 1, "t": 0.0, "type": "exit"})
    assert "too slow" in told[0]
    hook.close()


def test_trouble_with_the_hook_is_not_told_to_the_hook(tmp_path: Path) -> None:
    with EventLog(tmp_path / "events.jsonl") as log:
        warn = lambda code, message: log.append("warning", code=code, message=message)  # noqa: E731
        with told_to("false", log, warn):
            log.append("exit", state="finished", code=0)
    found = [event["type"] for event in EventReader(tmp_path / "events.jsonl").poll()]
    assert found == ["exit", "warning"]


def test_words_are_split_but_nothing_is_run_by_a_shell() -> None:
    assert parse_hook("notify 'a b' $(rm) ; x") == ["notify", "a b", "$(rm)", ";", "x"]
    for wrong in ("", "  ", "'open"):
        with pytest.raises(UsageError):
            parse_hook(wrong)
