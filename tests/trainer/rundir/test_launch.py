from __future__ import annotations

import os
import pty
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from schemas.errors import EnvironmentFault
from trainer.rundir import RunDirectory, launch_detached, process_start

_LAUNCHER = """
import fcntl, signal, sys, termios, time
from pathlib import Path
signal.signal(signal.SIGHUP, signal.SIG_DFL)  # whatever the tests were started from
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
from trainer.rundir import RunDirectory, launch_detached
run = RunDirectory(Path(sys.argv[1]))
code = "import time; print('up', flush=True); time.sleep(60)"
Path(sys.argv[2]).write_text(f"{launch_detached([sys.executable, '-c', code], run)}\\n")
time.sleep(60)
"""


def _wait_for(path: Path, text: str) -> str:
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        if path.exists() and text in path.read_text():
            return path.read_text()
        time.sleep(0.02)
    raise AssertionError(f"{path} never held {text!r}: {path.read_text() if path.exists() else 'absent'}")


def test_output_goes_to_the_log_and_env_is_added(tmp_path: Path) -> None:
    run = RunDirectory(tmp_path / "run")
    facts = "os.environ['COLOUR'], os.getsid(0) == os.getpid(), sys.stdin.read() == '', 'PATH' in os.environ"
    code = f"import os, sys; print({facts}); sys.stderr.write('done\\n')"
    pid = launch_detached([sys.executable, "-c", code], run, {"COLOUR": "green"})
    assert pid > 0
    assert _wait_for(run.log_path, "done").splitlines() == ["green True True True", "done"]
    deadline = time.monotonic() + 10
    while process_start(pid) is not None and time.monotonic() < deadline:
        time.sleep(0.01)
    assert process_start(pid) is None
    with pytest.raises(ChildProcessError):  # its remains were collected
        while time.monotonic() < deadline:
            os.waitpid(pid, os.WNOHANG)
            time.sleep(0.01)


def test_log_is_appended_to(tmp_path: Path) -> None:
    run = RunDirectory(tmp_path)
    run.log_path.write_text("before\n")
    launch_detached([sys.executable, "-c", "print('after')"], run)
    assert _wait_for(run.log_path, "after") == "before\nafter\n"


def test_missing_program_is_explained(tmp_path: Path) -> None:
    with pytest.raises(EnvironmentFault, match="cannot start"):
        launch_detached([str(tmp_path / "none")], RunDirectory(tmp_path))


def test_child_survives_the_terminal_of_its_launcher(tmp_path: Path) -> None:
    run, note = RunDirectory(tmp_path / "run"), tmp_path / "pid"
    terminal, line = pty.openpty()
    argv = [sys.executable, "-c", _LAUNCHER, str(run.path), str(note)]
    with subprocess.Popen(argv, stdin=line, stdout=line, stderr=line, start_new_session=True) as launcher:
        os.close(line)
        try:
            _wait_for(run.log_path, "up")
            child = int(_wait_for(note, "\n"))
        finally:
            os.close(terminal)  # the line drops: the launcher's session gets SIGHUP
        assert launcher.wait(timeout=30) == -signal.SIGHUP
    time.sleep(0.2)
    assert process_start(child) is not None
    os.kill(child, signal.SIGKILL)
