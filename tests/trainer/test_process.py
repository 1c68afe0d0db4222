from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from schemas.errors import DataError, NumericError
from trainer.process import ALLOCATOR_SETTINGS, run_main

WATCHED = """
import importlib.abc, os, runpy, sys
class Watch(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path, target=None):
        if name == "torch":
            os.write(1, str(os.environ.get("PYTORCH_ALLOC_CONF")).encode())
            os._exit(0)
sys.meta_path.insert(0, Watch())
runpy.run_module(sys.argv.pop(1), run_name="__main__")
"""
"""A module run as a program, which ends with what the environment says at the moment it first wants torch."""


def told_to_torch(module: str, config: Path, **variables: str) -> str:
    environment = {name: value for name, value in os.environ.items() if name not in ALLOCATOR_SETTINGS} | variables
    command = [sys.executable, "-c", WATCHED, module, str(config)]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout.strip()


@pytest.mark.parametrize("module", ["trainer.train", "trainer.prepare", "trainer.probe"])
def test_the_allocator_is_told_before_torch_is_there(module: str, tmp_path: Path) -> None:
    assert told_to_torch(module, tmp_path / "absent.yaml") == "expandable_segments:True"


@pytest.mark.parametrize("name", ["PYTORCH_ALLOC_CONF", "PYTORCH_CUDA_ALLOC_CONF"])
def test_what_the_allocator_was_told_stands(name: str, tmp_path: Path) -> None:
    wish = {name: "max_split_size_mb:64"}
    expected = wish.get("PYTORCH_ALLOC_CONF", "None")
    assert told_to_torch("trainer.prepare", tmp_path / "absent.yaml", **wish) == expected


def test_the_code_of_the_work_is_the_code_of_the_process() -> None:
    assert run_main(lambda: 75) == 75


@pytest.mark.parametrize(("error", "code"), [(DataError("no clips", hint="prepare"), 3), (NumericError("NaN"), 5)])
def test_expected_errors_are_said_without_a_traceback(
    capsys: pytest.CaptureFixture[str], error: Exception, code: int
) -> None:
    def work() -> int:
        raise error

    assert run_main(work) == code
    said = capsys.readouterr().err
    assert said == f"{error}\n"


def test_bugs_leave_a_report(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def work() -> int:
        empty: dict[str, int] = {}
        return empty["missing"]

    assert run_main(work, crash_folder=lambda: tmp_path) == 1
    (report,) = tmp_path.glob("crash-*.txt")
    assert str(report) in capsys.readouterr().err
    text = report.read_text()
    assert "KeyError: 'missing'" in text
    assert "torch " in text


def test_a_report_finds_another_place_when_its_own_is_missing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", None)

    def work() -> int:
        raise RuntimeError("a bug")

    assert run_main(work, crash_folder=lambda: tmp_path / "absent") == 1
    assert len(list(tmp_path.glob("crash-*.txt"))) == 1


def test_interruption_is_not_a_bug() -> None:
    def work() -> int:
        raise KeyboardInterrupt

    assert run_main(work) == 130


def test_a_reader_that_left_is_not_a_bug(tmp_path: Path) -> None:
    pid = os.fork()
    if pid == 0:
        code = 99
        try:
            reader, writer = os.pipe()
            os.close(reader)
            os.dup2(writer, 1)

            def work() -> int:
                os.write(1, b"text")
                return 0

            code = run_main(work, crash_folder=lambda: tmp_path)
        finally:
            os._exit(code)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 141
    assert list(tmp_path.iterdir()) == []
