from __future__ import annotations

import os
from pathlib import Path

import pytest

from schemas.errors import DataError, NumericError
from trainer.process import run_main


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
