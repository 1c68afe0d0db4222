from __future__ import annotations

import os
import resource
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from schemas.errors import EnvironmentFault
from trainer.rundir import commit_directory, write_atomic
from trainer.rundir.atomic import temporary_sibling
from trainer.rundir.layout import RunDirectory

_WRITER = """
import sys
from pathlib import Path
from trainer.rundir.atomic import write_atomic
path = Path(sys.argv[1])
for number in range(10**9):
    write_atomic(path, (b"%08d" % (number % 10**8)) * 20000, durable=number % 2 == 0)
    if number == 3:
        print("going", flush=True)
"""


def _names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_write_replaces_the_whole_content(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    write_atomic(path, "long old content")
    write_atomic(path, b"new")
    assert path.read_bytes() == b"new"
    assert _names(tmp_path) == ["a.json"]


def test_leftover_of_a_dead_process_with_our_number_is_no_obstacle(tmp_path: Path) -> None:
    path = tmp_path / "a"
    temporary_sibling(path).write_text("half of somethi")
    write_atomic(path, "x")
    assert path.read_text() == "x"
    assert _names(tmp_path) == ["a"]


def test_mode_follows_the_umask(tmp_path: Path) -> None:
    before = os.umask(0o022)
    try:
        write_atomic(tmp_path / "a", "x")
    finally:
        os.umask(before)
    assert (tmp_path / "a").stat().st_mode & 0o777 == 0o644


@pytest.mark.parametrize("delay", [0.0, 0.003, 0.011, 0.02, 0.037, 0.05])
def test_kill_9_leaves_old_or_new_never_a_mixture(tmp_path: Path, delay: float) -> None:
    path = tmp_path / "file"
    with subprocess.Popen([sys.executable, "-c", _WRITER, str(path)], stdout=subprocess.PIPE) as writer:
        assert writer.stdout is not None
        writer.stdout.readline()
        time.sleep(delay)
        writer.send_signal(signal.SIGKILL)
    data = path.read_bytes()
    assert len(data) == 8 * 20000
    assert data == data[:8] * 20000


def _limited_write(path: str) -> None:
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
    try:
        write_atomic(Path(path), b"x" * 5000)
    except EnvironmentFault as fault:
        print(fault, flush=True)
        os._exit(fault.exit_code)
    os._exit(0)


def test_refused_write_keeps_the_old_file_and_leaves_nothing(tmp_path: Path) -> None:
    path = tmp_path / "file"
    write_atomic(path, "old")
    code = f"from tests.trainer.rundir.test_atomic import _limited_write; _limited_write({str(path)!r})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 4, done.stderr
    assert str(path) in done.stdout
    assert path.read_text() == "old"
    assert _names(tmp_path) == ["file"]


def test_missing_directory_is_an_environment_fault(tmp_path: Path) -> None:
    with pytest.raises(EnvironmentFault, match="cannot write"):
        write_atomic(tmp_path / "no" / "file", "x")


def test_commit_renames_and_refuses_to_overwrite(tmp_path: Path) -> None:
    temporary, final = tmp_path / ".tmp-a", tmp_path / "a"
    (temporary / "deep").mkdir(parents=True)
    (temporary / "deep" / "x").write_text("1")
    commit_directory(temporary, final)
    assert (final / "deep" / "x").read_text() == "1"
    assert not temporary.exists()
    temporary.mkdir()
    with pytest.raises(EnvironmentFault, match="exists already"):
        commit_directory(temporary, final)
    assert (final / "deep" / "x").read_text() == "1"


def test_everything_is_synced_before_the_rename(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    temporary, final = tmp_path / ".tmp-a", tmp_path / "a"
    (temporary / "deep").mkdir(parents=True)
    (temporary / "deep" / "x").write_text("1")
    (temporary / "y").write_text("2")
    synced: list[tuple[str, bool]] = []
    real = os.fsync

    def spy(descriptor: int) -> None:
        synced.append((str(Path(f"/proc/self/fd/{descriptor}").readlink()), final.exists()))
        real(descriptor)

    monkeypatch.setattr(os, "fsync", spy)
    commit_directory(temporary, final)
    before = {name for name, renamed in synced if not renamed}
    assert before == {str(temporary), str(temporary / "deep"), str(temporary / "deep" / "x"), str(temporary / "y")}
    assert synced[-1] == (str(tmp_path), True)


def test_leftovers_are_removed_and_nothing_else(tmp_path: Path) -> None:
    run = RunDirectory(tmp_path)
    run.create()
    run.state_temporary(7).mkdir()
    (run.state_temporary(7) / "half").write_text("x")
    (tmp_path / ".tmp-status.json-1-2").write_text("x")
    run.state_path(5).mkdir()
    run.status_path.write_text("{}")
    removed = run.remove_leftovers()
    assert {path.name for path in removed} == {".tmp-step_000007", ".tmp-status.json-1-2"}
    assert run.states() == [(5, run.state_path(5))]
    assert run.status_path.exists()
