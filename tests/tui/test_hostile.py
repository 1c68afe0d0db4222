"""Run directories of bad will: nothing fails over them, and nothing of them commands the terminal."""

from __future__ import annotations

import json
import math
import time
from pathlib import Path
from typing import Any

import pytest

from tests.support.hostile import PAYLOAD, TITLE, hostile_events, write_hostile
from tests.tui.app.support import app, shown, until
from trainer.rundir import EventReader, RunDirectory
from trainer.rundir.index import EventIndex
from tui.app.screens.monitor import MonitorScreen
from tui.main import run
from tui.overview import run_row
from tui.progress import ProgressLines
from tui.runlines import detail_lines, run_line

CONTROL = {chr(code) for code in (*range(32), *range(0x7F, 0xA0), 0x202E)}


@pytest.fixture
def hostile(own_directories: Path) -> RunDirectory:
    directory = RunDirectory(own_directories / "outputs" / "fox")
    write_hostile(directory)
    return directory


def test_the_reader_takes_what_are_events_and_counts_the_rest(hostile: RunDirectory) -> None:
    reader = EventReader(hostile.events_path)
    events = reader.poll(10.0)
    assert len(events) == len(hostile_events())
    assert (reader.oversized, reader.other_versions) == (2, 2)
    assert reader.garbage > 10


def test_the_index_is_made_from_it_and_read_again(hostile: RunDirectory) -> None:
    index = EventIndex(hostile.events_path)
    index.poll(10.0)
    assert index.columns.last_step == 6
    assert index.save(least=1)
    again = EventIndex.open(hostile.events_path)
    assert again.columns == index.columns
    assert list(again.marks) == list(index.marks)


def test_plain_progress_prints_it_without_a_control_character() -> None:
    lines = list(ProgressLines().lines(hostile_events(), eta_s=float("nan")))
    assert any(TITLE in line for line in lines) or lines
    for line in lines:
        assert not CONTROL & set(line)


def test_the_list_of_runs_shows_it(hostile: RunDirectory, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["runs"]) == 0
    assert run(["runs", "--json"]) == 0
    assert not (CONTROL - {"\n"}) & set(capsys.readouterr().out)
    row = run_row(hostile.path)
    for line in (run_line(row, 160, time.time()), *detail_lines(row, 160, time.time())):
        assert not CONTROL & {character for text, _ in line for character in text}


STATUSES: dict[str, str | dict[str, Any]] = {
    "no object": "[]",
    "commands": {"host": PAYLOAD, "pid": 10**30, "phase": PAYLOAD, "message": PAYLOAD, "error": PAYLOAD},
    "wrong numbers": {"host": "h", "pid": -1, "step": -(10**20), "total": 0, "eta_s": math.nan},
    "no time": {"host": "h", "pid": 1, "updated": math.inf, "changed": -math.inf},
    "failed": {"host": "h", "pid": True, "phase": "failed", "error": PAYLOAD},
    "deep": "[" * 100_000,
}


@pytest.mark.parametrize("kind", STATUSES)
async def test_the_monitor_shows_it(hostile: RunDirectory, kind: str) -> None:
    status = STATUSES[kind]
    text = status if isinstance(status, str) else json.dumps({"v": 1, "run_id": PAYLOAD, **status})
    hostile.status_path.write_text(text)
    async with app(MonitorScreen(hostile.path)).run_test(size=(120, 40)) as pilot:
        await until(pilot, lambda: "fox" in shown(pilot, "#title") and not pilot.app.screen.watch_run.behind)  # type: ignore[attr-defined]
        for keys in ("2", "3", "4", "1", "w"):
            await pilot.press(keys)
            await pilot.pause()
            assert not (CONTROL - {"\n"}) & set(shown(pilot))
    assert run(["runs"]) == 0
