from __future__ import annotations

import os
from pathlib import Path

import pytest

from tui.forms.complete import common_start, complete_path


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    for name in ("model.safetensors", "model.txt", "movie.mp4", ".hidden"):
        (tmp_path / name).touch()
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "a b.safetensors").touch()
    return tmp_path


def test_names_that_begin_as_typed_directories_with_a_slash(tree: Path) -> None:
    assert complete_path("mo", None, tree) == ["model.safetensors", "model.txt", "models/", "movie.mp4"]
    assert complete_path("models/", None, tree) == ["models/a b.safetensors"]
    assert complete_path(".h", None, tree) == [".hidden"]
    assert ".hidden" not in complete_path("", None, tree)


def test_a_provider_keeps_its_kind_of_file_and_every_directory(tree: Path) -> None:
    assert complete_path("mo", "checkpoint_file", tree) == ["model.safetensors", "models/"]
    assert complete_path("mo", "video_file", tree) == ["models/", "movie.mp4"]
    assert complete_path("mo", "data_directory", tree) == ["models/"]


def test_absolute_and_home_paths(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert complete_path(f"{tree}/movie", None, Path("/nowhere")) == [f"{tree}/movie.mp4"]
    monkeypatch.setenv("HOME", str(tree))
    assert complete_path("~/movie", None, Path("/nowhere")) == ["~/movie.mp4"]


def test_nothing_there_is_nothing_to_complete(tree: Path) -> None:
    assert complete_path("absent/x", None, tree) == []
    assert complete_path("model.txt/x", None, tree) == []
    assert complete_path("~nobody-of-this-name/x", None, tree) == []
    if os.geteuid() != 0:
        (tree / "models").chmod(0)
        assert complete_path("models/", None, tree) == []
        (tree / "models").chmod(0o755)


def test_the_common_start_never_takes_away_what_was_typed() -> None:
    assert common_start(["model.txt", "models/"], "mo") == "model"
    assert common_start([], "abc") == "abc"
    assert common_start(["xy"], "abc") == "abc"
