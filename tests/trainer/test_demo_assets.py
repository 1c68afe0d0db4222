"""The demo's inputs as a command: made once, kept afterwards, said on screen."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from trainer.demo import clips, scenes
from trainer.demo_assets import CLIPS, ROLES, DemoAssets, main


def test_everything_is_made_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    torch.set_num_threads(1)
    assert main([str(tmp_path), "--roles", "video,video_mask", "--data", "data/one"]) == 0
    assets = DemoAssets.under(tmp_path, data="data/one")
    lines = capsys.readouterr().out.splitlines()
    assert lines == [
        f"checkpoint: {assets.checkpoint}",
        f"text encoder: {assets.gemma}",
        f"clips: {assets.dataset_json}",
    ]
    assert len(list((tmp_path / "data" / "one" / "video_mask").iterdir())) == CLIPS
    times = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*") if path.suffix in (".safetensors", ".mp4")}
    assert main([str(tmp_path), "--roles", "video,video_mask", "--data", "data/one"]) == 0
    assert {path: path.stat().st_mtime_ns for path in times} == times


def test_the_lists_kept_here_for_speed_are_those_of_the_demo() -> None:
    assert clips.ROLES == ROLES
    assert len(scenes.SCENES) == CLIPS


def test_unknown_roles_are_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        main([str(tmp_path), "--roles", "lyrics"])
    assert "lyrics" in capsys.readouterr().err
