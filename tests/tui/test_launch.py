from __future__ import annotations

import sys
from pathlib import Path

import pytest

from schemas.errors import EnvironmentFault
from trainer.rundir.layout import RunDirectory
from tui.launch import PYTHON_VARIABLE, start_trainer, trainer_command


def test_one_process_is_the_trainer_itself_several_are_torchruns(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(PYTHON_VARIABLE, raising=False)
    one = trainer_command(Path("/a b/c.yaml"), resume="auto", processes=1)
    assert one == [sys.executable, "-m", "trainer.train", "/a b/c.yaml", "--resume", "auto"]
    two = trainer_command(Path("/c.yaml"), resume="never", processes=2)
    assert two[:3] == [sys.executable, "-m", "torch.distributed.run"]
    assert two[-4:] == ["trainer.train", "/c.yaml", "--resume", "never"]


def test_another_interpreter_can_be_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(PYTHON_VARIABLE, "'/other env/python' -m")
    assert trainer_command(Path("/c.yaml"), resume="auto", processes=1)[:2] == ["/other env/python", "-m"]


def test_a_child_has_its_own_session_and_prints_to_the_log(tmp_path: Path) -> None:
    run = RunDirectory(tmp_path / "run")
    code = "import os,sys; print(os.getsid(0) == os.getpid(), sys.stdin.read() == ''); print('err', file=sys.stderr)"
    process = start_trainer([sys.executable, "-c", code], run)
    assert process.wait(20) == 0
    assert run.log_path.read_text() == "True True\nerr\n"


def test_what_cannot_be_started_is_an_environment_fault(tmp_path: Path) -> None:
    with pytest.raises(EnvironmentFault):
        start_trainer(["/no/such/python"], RunDirectory(tmp_path))
    (tmp_path / "file").touch()
    with pytest.raises(EnvironmentFault):
        start_trainer([sys.executable, "-c", ""], RunDirectory(tmp_path / "file" / "run"))
