from __future__ import annotations

import sys
from pathlib import Path

import pytest

from presets.gpus import Driver, Gpu
from schemas.errors import EnvironmentFault, UsageError
from trainer.rundir.layout import RunDirectory
from tui.launch import PYTHON_VARIABLE, gpu_environment, start_trainer, trainer_command


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
    facts = "os.getsid(0) == os.getpid(), sys.stdin.read() == '', os.environ['COLOUR'], 'PATH' in os.environ"
    code = f"import os,sys; print({facts}); print('err', file=sys.stderr)"
    run.path.mkdir()
    run.log_path.write_text("before\n")
    process = start_trainer([sys.executable, "-c", code], run, environment={"COLOUR": "green"})
    assert process.wait(20) == 0
    assert run.log_path.read_text() == "before\nTrue True green True\nerr\n"


def test_what_cannot_be_started_is_an_environment_fault(tmp_path: Path) -> None:
    with pytest.raises(EnvironmentFault):
        start_trainer(["/no/such/python"], RunDirectory(tmp_path))
    (tmp_path / "file").touch()
    with pytest.raises(EnvironmentFault):
        start_trainer([sys.executable, "-c", ""], RunDirectory(tmp_path / "file" / "run"))


def test_the_hook_goes_to_the_trainer_as_one_word() -> None:
    command = trainer_command(Path("/c.yaml"), resume="auto", processes=1, on_event="notify 'a b'; x")
    assert command[-2:] == ["--on-event", "notify 'a b'; x"]


def _two_cards() -> Driver:
    return Driver(tuple(Gpu(number, "NVIDIA X", 2**34, 0, 0, (9, 0), "1") for number in (0, 1)), (13, 0))


def test_the_card_that_was_asked_for_is_the_only_one_seen() -> None:
    assert gpu_environment(None, _two_cards) == {}
    assert gpu_environment(" 1", _two_cards) == {"CUDA_VISIBLE_DEVICES": "1", "CUDA_DEVICE_ORDER": "PCI_BUS_ID"}
    assert gpu_environment("GPU-0a", _two_cards) == {"CUDA_VISIBLE_DEVICES": "GPU-0a"}


@pytest.mark.parametrize(
    ("wish", "said"), [("2", "no such card"), ("0,1", "several cards"), ("first", "not a card"), ("", "not a card")]
)
def test_cards_that_cannot_be_had_are_refused(wish: str, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        gpu_environment(wish, _two_cards)


def test_without_a_driver_the_reason_is_told() -> None:
    with pytest.raises(UsageError) as caught:
        gpu_environment("0", lambda: Driver((), None, "nvidia-smi is not installed"))
    assert "nvidia-smi is not installed" in str(caught.value)
