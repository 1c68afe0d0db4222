"""The runs side by side: what is told of each, what a silent root costs, and that nothing living is deleted."""

from __future__ import annotations

import math
import os
import time
from pathlib import Path

import pytest

from schemas.errors import LockedError, UsageError
from tests.support.events import Recording
from trainer.rundir.columns import Columns
from trainer.rundir.lock import RunLock
from trainer.rundir.process import process_start
from tui.overview import curve, delete_run, file_size, overview, run_row, sparkline


def _run(folder: Path, phase: str = "finished", steps: int = 300) -> Recording:
    recording = Recording(folder, total=300)
    recording.start()
    recording.steps(steps)
    recording.status(phase)
    recording.close()
    return recording


def test_a_line_tells_curve_size_age_and_verdict(tmp_path: Path) -> None:
    recording = _run(tmp_path / "fox")
    row = run_row(recording.run.path)
    assert row.summary.state == "finished"
    assert row.began == 1_760_000_000.0
    assert row.size == sum(path.stat().st_size for path in recording.run.path.rglob("*") if path.is_file())
    assert len(row.curve) == 24
    assert row.curve[0] > row.curve[-1]
    assert row.verdict is not None
    assert row.verdict.kind == "falling"


def test_a_silent_root_costs_a_moment_and_hides_nothing_else(tmp_path: Path) -> None:
    _run(tmp_path / "good" / "fox")
    dead = _run(tmp_path / "dead" / "owl")
    dead.run.status_path.unlink()
    os.mkfifo(dead.run.status_path)  # whoever opens it waits for ever, as on a mount whose server is gone
    began = time.monotonic()
    found = overview([tmp_path / "good", tmp_path / "dead"], seconds=1.0)
    assert time.monotonic() - began < 5
    assert [row.dir.name for row in found.rows] == ["fox"]
    assert found.silent == (tmp_path / "dead",)
    os.close(os.open(dead.run.status_path, os.O_RDWR | os.O_NONBLOCK))  # lets the waiting thread go


def test_a_root_given_twice_tells_its_runs_once(tmp_path: Path) -> None:
    _run(tmp_path / "fox")
    assert len(overview([tmp_path, tmp_path / "fox"]).rows) == 1


def test_curves_of_every_length() -> None:
    columns = Columns()
    assert curve(columns) == ()
    columns.take([(0, {"loss": 1.0}), (1, {"loss": math.nan}), (2, {"loss": 3.0})])
    first, gap, last = curve(columns)
    assert (first, last) == (1.0, 3.0)
    assert math.isnan(gap)


def test_a_curve_as_characters() -> None:
    assert sparkline([0.0, 1.0, math.nan, 0.5]) == "▁█ ▅"
    assert sparkline([0.0, 1.0, math.inf, 0.5], ascii_only=True) == "_# ="
    assert sparkline([2.0, 2.0]) == "▁▁"
    assert sparkline([math.nan]) == ""


def test_sizes_for_a_person() -> None:
    sizes = (None, 0, 999, 1536, 200_000, 35 * 2**30)
    assert [file_size(size) for size in sizes] == ["-", "0 B", "999 B", "1.5 kB", "195 kB", "35 GB"]


@pytest.mark.parametrize("phase", ["training", "paused", "loading"])
def test_a_living_run_is_never_deleted(tmp_path: Path, phase: str) -> None:
    recording = Recording(tmp_path / "fox")
    recording.clock.now = time.time()
    recording.status(phase, pid=os.getpid(), pid_start=process_start(os.getpid()))
    recording.close()
    with pytest.raises(UsageError, match="never deleted"):
        delete_run(tmp_path / "fox")
    assert recording.run.status_path.exists()


def test_a_run_somebody_has_just_taken_is_not_deleted(tmp_path: Path) -> None:
    recording = _run(tmp_path / "fox")
    with RunLock(recording.run), pytest.raises(LockedError):
        delete_run(tmp_path / "fox")
    assert recording.run.events_path.exists()


def test_an_ended_run_is_deleted_whole(tmp_path: Path) -> None:
    recording = _run(tmp_path / "fox")
    (recording.run.samples_path / "a.mp4").write_bytes(b"x")
    delete_run(tmp_path / "fox")
    assert not list(tmp_path.glob("*fox*"))


def test_only_runs_are_deleted(tmp_path: Path) -> None:
    (tmp_path / "photos").mkdir()
    (tmp_path / "link").symlink_to(_run(tmp_path / "fox").run.path)
    for folder in (tmp_path / "photos", tmp_path / "link", tmp_path / "absent"):
        with pytest.raises(UsageError):
            delete_run(folder)
    assert (tmp_path / "fox" / "events.jsonl").exists()
