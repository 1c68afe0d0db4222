"""The guide as plain questions on plain streams."""

from __future__ import annotations

import io
import subprocess
import sys
from pathlib import Path

import pytest

import presets
from schemas import load_config
from schemas.errors import UsageError
from tests.support.terminal import ROOT
from tests.tui.guide.world import write_world
from tui.checking import check_file
from tui.forms.opening import open_draft
from tui.guide.guide import Guide
from tui.prompt.console import Console
from tui.prompt.interview import interview


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_world(tmp_path_factory.mktemp("world"))


@pytest.fixture(autouse=True)
def here(world: Path, own_directories: Path) -> Path:
    for part in world.iterdir():
        (own_directories / part.name).symlink_to(part)
    return own_directories


def told(guide: Guide, *answers: str, goal: bool = True, card: bool = True) -> tuple[int, str]:
    """The exit code and everything printed, for answers line by line."""
    out = io.StringIO()
    console = Console(io.StringIO("".join(f"{answer}\n" for answer in answers)), out)
    return interview(guide, console, goal=goal, card=card), out.getvalue()


FILES = ("m.safetensors", "gemma", "", "data", "")
CARD = str(presets.tiers().index(32) + 2)


def test_the_same_questions_end_in_the_same_file(here: Path) -> None:
    answers = ["3", *FILES, "", "16", "16", "", "", CARD, "500", "2e-4", "", "", *[""] * 8, "fox.yaml"]
    code, text = told(Guide.new(), *answers)
    assert code == 0
    assert "it matches" in text
    assert "3 complete clips" in text
    assert "first frame given, in 50% of samples" in text
    assert "ltx2-wizard train fox.yaml" in text
    assert "\x1b" not in text
    config = load_config(here / "fox.yaml").config
    assert (config.optimization.steps, config.optimization.learning_rate) == (500, 2e-4)
    assert config.lora is not None
    assert config.lora.rank == 16
    assert config.acceleration.quantization == presets.load("i2v_lora", vram=32)["acceleration"]["quantization"]
    assert [one for one in check_file(here / "fox.yaml").report.problems if one.severity == "error"] == []


def test_going_back_wrong_answers_and_other_fields(here: Path) -> None:
    answers = [
        "17", "x", "1", *FILES,
        "", "1", "8", "<", "12", "", "",
        "lora.dropout", "lora.dropout=2", "lora.dropout=0.25", "lora.nothing=1", "?", "",
        *[""] * 20,
    ]  # fmt: skip
    code, text = told(Guide.new(), *answers, card=False)
    assert code == 0
    assert text.count("a number from 1 to 16") == 2
    assert "at least 2" in text
    assert "write PATH=VALUE" in text
    assert "at most 1" in text
    assert "there is no lora.nothing" in text
    assert "lora.target_modules = [" in text
    config = load_config(here / "t2v_lora.yaml").config
    assert config.lora is not None
    assert (config.lora.rank, config.lora.dropout) == (12, 0.25)


def test_an_input_that_ends_writes_nothing(here: Path) -> None:
    before = set(here.iterdir())
    with pytest.raises(UsageError, match="ended before the last question"):
        told(Guide.new(), "1", "m.safetensors")
    assert set(here.iterdir()) == before


def test_a_file_is_edited_and_never_replaced_unasked(here: Path) -> None:
    path = here / "mine.yaml"
    path.write_text(
        "# mine\nmodel: {model_path: m.safetensors}\ndata: {preprocessed_data_root: data}\nlora: {rank: 8}\n"
    )
    draft, _ = open_draft(path)
    other = here / "other.yaml"
    other.write_text("here already\n")
    answers = [*[""] * 6, "24", *[""] * 15, "other.yaml", "n", "mine.yaml"]
    code, text = told(Guide(draft), *answers, goal=False, card=False)
    assert code == 0
    assert "other.yaml exists. Replace it?" in text
    assert other.read_text() == "here already\n"
    assert path.read_text().startswith("# mine\n")
    assert "rank: 24" in path.read_text()


def piped(folder: Path, answers: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """The command ``new`` with a pipe for a terminal."""
    environment = {"PYTHONPATH": str(ROOT), "HOME": str(folder)}
    command = [sys.executable, "-m", "tui", "new", *arguments]
    return subprocess.run(
        command, input=answers, text=True, capture_output=True, check=False, cwd=folder, env=environment
    )


def test_the_command_asks_where_there_is_no_terminal(here: Path) -> None:
    answers = "\n".join([*FILES, *[""] * 40])
    done = piped(here, answers, "--preset", "t2a_lora", "--vram", "32", "-o", "rain.yaml")
    assert done.returncode == 0, done.stderr
    assert "Train:     ltx2-wizard train rain.yaml" in done.stdout
    assert load_config(here / "rain.yaml").config.training_strategy.video is None
    cut_short = piped(here, "1\n")
    assert cut_short.returncode == 2
    assert "nothing was written" in cut_short.stderr
