from __future__ import annotations

from pathlib import Path

import pytest

from tui.recent import MOST, Recent, default_path, recent, run_roots


def test_the_newest_comes_first_once_and_only_what_exists(tmp_path: Path) -> None:
    lists = Recent(tmp_path / "deep" / "recent.json")
    for number in range(MOST + 5):
        (tmp_path / f"{number}.yaml").touch()
        lists.remember("configs", tmp_path / f"{number}.yaml")
    lists.remember("configs", tmp_path / "7.yaml")
    found = lists.configs()
    assert found[0] == tmp_path / "7.yaml"
    assert len(found) == len(set(found)) == MOST
    (tmp_path / "7.yaml").unlink()
    assert tmp_path / "7.yaml" not in lists.configs()
    assert lists.runs() == []


@pytest.mark.parametrize("content", ["", "[]", "{", '{"runs": 3, "configs": [1, null]}', "\x00\xff"])
def test_a_damaged_file_is_only_a_lost_convenience(tmp_path: Path, content: str) -> None:
    path = tmp_path / "recent.json"
    path.write_text(content)
    lists = Recent(path)
    assert lists.runs() == lists.configs() == []
    lists.remember("runs", tmp_path)
    assert lists.runs() == [tmp_path]


def test_a_directory_that_cannot_be_written_is_only_a_lost_convenience(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    Recent(tmp_path / "file" / "recent.json").remember("runs", tmp_path)


def test_runs_are_looked_for_below_outputs_and_where_they_were(tmp_path: Path) -> None:
    assert default_path().is_relative_to(tmp_path)
    recent().remember("runs", tmp_path)
    assert run_roots() == [Path("outputs"), tmp_path]
    assert run_roots(Path("x")) == [Path("x")]
