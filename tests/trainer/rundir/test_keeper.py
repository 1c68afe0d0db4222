from __future__ import annotations

import time
from pathlib import Path

from trainer.rundir import EventLog, IndexKeeper, RunDirectory
from trainer.rundir.index import EventIndex
from trainer.rundir.index_file import index_path


def test_the_index_follows_the_log_and_ends_with_it(tmp_path: Path) -> None:
    run = RunDirectory(tmp_path)
    with EventLog(run.events_path) as log, IndexKeeper(run, period_s=0.02, least=1):
        log.append("run", run_id="a", resumed_from=None)
        log.append("metric", step=1, metrics={"loss": 1.0})
        deadline = time.monotonic() + 20
        while not index_path(run.events_path).exists():
            assert time.monotonic() < deadline
            time.sleep(0.01)
        log.append("metric", step=2, metrics={"loss": 0.5})
        log.append("exit", state="finished", code=0)
    found = EventIndex.open(run.events_path)
    assert not found.behind
    assert found.columns.by_name["loss"].last == 0.5
    assert found.marks[-1]["type"] == "exit"


def test_a_short_log_gets_none(tmp_path: Path) -> None:
    run = RunDirectory(tmp_path)
    with EventLog(run.events_path) as log, IndexKeeper(run):
        log.append("run", run_id="a")
    assert not index_path(run.events_path).exists()
