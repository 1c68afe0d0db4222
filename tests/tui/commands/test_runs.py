from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.support.events import Recording
from tui.main import run


def _run(folder: Path, phase: str) -> Recording:
    recording = Recording(folder, total=100)
    recording.start()
    recording.steps(10)
    recording.status(phase)
    recording.close()
    return recording


def test_runs_as_a_table_and_as_json(own_directories: Path, capsys: pytest.CaptureFixture[str]) -> None:
    _run(own_directories / "outputs" / "fox", "finished")
    _run(own_directories / "outputs" / "owl", "training")
    assert run(["runs"]) == 0
    table = capsys.readouterr().out.splitlines()
    assert table[0].split() == ["RUN", "STATE", "STEP", "LOSS", "CURVE", "SIZE", "AGE", "SEEN", "VERDICT"]
    assert {line.split()[1] for line in table[1:]} == {"finished", "crashed"}
    assert run(["runs", "outputs", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert {(entry["dir"], entry["state"], entry["step"], entry["total"]) for entry in found} == {
        ("outputs/fox", "finished", 10, 100),
        ("outputs/owl", "crashed", 10, 100),
    }
    assert all(isinstance(entry["loss"], float) for entry in found)


def test_a_loss_that_is_not_finite_is_still_json(own_directories: Path, capsys: pytest.CaptureFixture[str]) -> None:
    recording = Recording(own_directories / "outputs" / "nan")
    recording.start()
    recording.steps(3, bad=range(1, 5))
    recording.status("failed")
    recording.close()
    assert run(["runs", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)[0]["loss"] is None


def test_no_runs_is_no_error(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["runs"]) == 0
    assert "no runs" in capsys.readouterr().out
    assert run(["runs", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == []


def test_the_monitor_takes_the_newest_run_or_says_there_is_none(
    own_directories: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from tui.commands.monitor import resolve_run

    assert run(["monitor"]) == 2
    assert "no runs" in capsys.readouterr().err
    older = _run(own_directories / "outputs" / "old", "finished")
    newer = Recording(own_directories / "outputs" / "new", clock=older.clock)
    newer.clock.now += 60
    newer.status("finished")
    newer.close()
    assert resolve_run(None) == Path("outputs/new")
    assert resolve_run(Path("outputs")) == Path("outputs/new")
    assert resolve_run(Path("outputs/old")) == Path("outputs/old")
    assert run(["monitor", "absent"]) == 2


def test_a_silent_root_is_named_and_the_rest_is_told(
    own_directories: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    import os

    from tui import overview
    from tui.recent import recent

    _run(own_directories / "outputs" / "fox", "finished")
    dead = _run(own_directories / "mnt" / "owl", "finished").run
    dead.status_path.unlink()
    os.mkfifo(dead.status_path)  # whoever opens it waits for ever
    recent().remember("runs", dead.path)
    monkeypatch.setattr(overview, "PATIENCE_SECONDS", 0.5)
    assert run(["runs"]) == 0
    told = capsys.readouterr()
    assert "outputs/fox" in told.out
    assert f"no answer from {dead.path}" in told.err
    os.close(os.open(dead.status_path, os.O_RDWR | os.O_NONBLOCK))


def test_a_run_is_deleted_when_that_is_confirmed(own_directories: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = _run(own_directories / "outputs" / "fox", "finished").run.path
    assert run(["runs", str(folder), "--delete"]) != 0, "nobody said yes"
    assert folder.exists()
    assert run(["runs", str(folder), "--delete", "--yes"]) == 0
    assert not folder.exists()
    assert run(["runs", "--delete"]) == 2
    assert run(["runs", "absent"]) == 2


def test_hostile_names_do_not_reach_the_terminal(own_directories: Path, capsys: pytest.CaptureFixture[str]) -> None:
    recording = _run(own_directories / "outputs" / "fox\x1b[2J", "failed")
    recording.status("failed", error="\x1b]0;title\x07")
    assert run(["runs"]) == 0
    assert "\x1b" not in capsys.readouterr().out
