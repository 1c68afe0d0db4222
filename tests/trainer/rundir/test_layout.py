from __future__ import annotations

from pathlib import Path

import pytest

from schemas.errors import EnvironmentFault
from trainer.rundir import RunDirectory


def test_names_are_the_published_ones(tmp_path: Path) -> None:
    run = RunDirectory(tmp_path)
    names = {
        run.config_path: "training_config.yaml",
        run.lock_path: "run.lock",
        run.status_path: "status.json",
        run.events_path: "events.jsonl",
        run.log_path: "trainer.log",
        run.control_path: "control",
        run.state_path(500): "checkpoints/step_000500",
        run.lora_export_path(500): "checkpoints/lora_weights_step_00500.safetensors",
        run.model_export_path(500): "checkpoints/model_weights_step_00500.safetensors",
        run.sample_path(500, 0, "mp4"): "samples/step_000500_1.mp4",
    }
    for path, name in names.items():
        assert path == tmp_path / name


def test_states_are_sorted_by_number_and_ignore_strangers(tmp_path: Path) -> None:
    run = RunDirectory(tmp_path)
    assert run.states() == []
    run.create()
    for step in (1_000_000, 20, 999_999):
        run.state_path(step).mkdir()
    (run.checkpoints_path / "step_000030").write_text("a file")
    (run.checkpoints_path / "step_000040.corrupt").mkdir()
    run.state_temporary(50).mkdir()
    assert [step for step, _ in run.states()] == [20, 999_999, 1_000_000]


def test_create_says_which_path_stands_in_the_way(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(EnvironmentFault, match="cannot create"):
        RunDirectory(tmp_path / "file" / "run").create()
