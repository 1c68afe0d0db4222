"""``inspect`` on prepared and raw datasets."""

from __future__ import annotations

import json
from pathlib import Path

from click.testing import CliRunner

from schemas.errors import DataError
from tests.support import prepared
from tests.support.media import write_clip
from tui.commands.inspect import command


def root(path: Path) -> Path:
    return prepared.dataset(path, {"latents": prepared.video(7, 4, 4), "conditions": prepared.text(8, 4)})


def test_prepared(tmp_path: Path) -> None:
    done = CliRunner().invoke(command, [str(root(tmp_path / "data"))])
    assert done.exit_code == 0
    assert "3 complete samples" in done.output
    assert "shape 7 x 4 x 4: 3" in done.output


def test_prepared_json_with_faults(tmp_path: Path) -> None:
    (root(tmp_path / "data") / "latents" / "a.pt").unlink()
    done = CliRunner().invoke(command, [str(tmp_path / "data"), "--json", "--quick"])
    assert done.exit_code == 3
    data = json.loads(done.output)
    assert (data["ok"], data["kind"], data["samples"], data["scanned"]) == (False, "prepared", 2, False)
    assert data["dropped"] == [{"name": "a", "reason": "no file in latents/"}]
    text = CliRunner().invoke(command, [str(tmp_path / "data")]).output
    assert "a: no file in latents/" in text


def test_raw(tmp_path: Path) -> None:
    folder = tmp_path / "clips"
    write_clip(folder / "a.mp4", 9)
    (folder / "dataset.csv").write_text("clip,caption\n", "utf-8")
    assert isinstance(CliRunner().invoke(command, [str(folder)]).exception, DataError)
    (folder / "dataset.csv").write_text("media_path,caption\na.mp4,a fox\na.mov,a fox\n", "utf-8")
    done = CliRunner().invoke(command, [str(folder)])
    assert done.exit_code == 3
    assert "column 'media_path' is the video" in done.output
    assert "lines 2, 3 would all be written to a.pt" in done.output
    data = json.loads(CliRunner().invoke(command, [str(folder), "--json"]).output)
    assert (data["kind"], data["rows"], data["media"][0]["frames"]) == ("raw", 2, {"9": 1})
