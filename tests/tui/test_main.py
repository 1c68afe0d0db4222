from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import click
import pytest

from schemas.errors import DataError, LockedError
from tui import main as main_module
from tui.catalog import COMMANDS
from tui.main import run

HEAVY = ("torch", "textual", "diffusers", "transformers", "accelerate", "peft", "wandb", "av", "safetensors.torch")
ROOT = Path(__file__).parents[2]


def _python(code: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT, capture_output=True, text=True, env={**os.environ, **environment}, check=False,
    )  # fmt: skip


def _imports_after(statement: str) -> set[str]:
    done = _python(f"{statement}\nimport sys\nprint('|'.join(sys.modules))")
    assert done.returncode == 0, done.stderr
    return set(done.stdout.splitlines()[-1].split("|"))


def test_help_of_every_command_imports_nothing_heavy() -> None:
    lines = "\n".join(f"assert run([{name!r}, '--help']) == 0" for name in COMMANDS)
    loaded = _imports_after(f"from tui.main import run\nassert run(['--help']) == 0\n{lines}")
    assert [name for name in HEAVY if name in loaded] == []


def test_the_app_imports_no_torch_and_no_numpy() -> None:
    loaded = _imports_after(
        "from tui.app.entry import open_home\n"
        "import tui.app.screens.home, tui.app.screens.wizard, tui.app.screens.monitor, tui.app.screens.steps\n"
        "import tui.app.screens.editing, tui.app.screens.review, tui.app.screens.presets, tui.checking, tui.launch"
    )
    assert [name for name in (*HEAVY, "numpy") if name in loaded and name != "textual"] == []


def test_unknown_commands_are_answered_with_near_ones(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["trian"]) == 2
    assert "Did you mean train" in capsys.readouterr().err


def test_no_argument_without_a_terminal_prints_the_help(capsys: pytest.CaptureFixture[str]) -> None:
    assert run([]) == 0
    assert "Commands:" in capsys.readouterr().out


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["--version"]) == 0
    assert capsys.readouterr().out.startswith("ltx2-wizard ")


def _with_command(monkeypatch: pytest.MonkeyPatch, body: object) -> None:
    monkeypatch.setattr(main_module.LazyGroup, "get_command", lambda *_: click.Command("runs", callback=body))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("error", "code"),
    [(DataError("bad [b]clip[/b]", hint="look"), 3), (LockedError("in use"), 4), (KeyboardInterrupt(), 130)],
)
def test_each_error_has_its_exit_code_and_its_own_words(
    error: BaseException, code: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def body() -> None:
        raise error

    _with_command(monkeypatch, body)
    assert run(["runs"]) == code
    assert str(error) in capsys.readouterr().err


def test_a_bug_leaves_a_report_and_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    def body() -> None:
        raise ZeroDivisionError("by nothing")

    _with_command(monkeypatch, body)
    assert run(["runs"]) == 1
    message = capsys.readouterr().err
    assert message.count("\n") == 1
    assert "ZeroDivisionError" in message
    report = next((tmp_path / "cache" / "ltx2-wizard").glob("crash-*.txt")).read_text()
    assert "by nothing" in report
    assert "argv: ['runs']" in report
    assert "textual: 8." in report


def test_what_a_command_returns_is_the_exit_code(monkeypatch: pytest.MonkeyPatch) -> None:
    _with_command(monkeypatch, lambda: 75)
    assert run(["runs"]) == 75


def test_a_reader_that_goes_away_is_no_error() -> None:
    script = f"{sys.executable} -m tui --help | true; echo ${{PIPESTATUS[0]}}"
    for _ in range(3):
        done = subprocess.run(["bash", "-c", script], cwd=ROOT, capture_output=True, text=True, check=True)
        assert done.stderr == ""
        assert done.stdout.strip() in {"0", "141"}


def test_drawing_commands_refuse_a_dumb_terminal_and_say_what_else_works(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    (tmp_path / "status.json").write_text("{}")
    for arguments in (["monitor", str(tmp_path)], ["train", "x.yaml", "--monitor"]):
        assert run(arguments) == 2
        error = capsys.readouterr().err
        assert "terminal" in error
        assert "next:" in error
