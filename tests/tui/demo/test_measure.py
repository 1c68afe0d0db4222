"""The verdict of the demo and its file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from schemas.errors import EnvironmentFault, NumericError
from tui.demo.measure import demand_learning, learned, newest_export, write_report


@pytest.mark.parametrize(
    ("trained", "verdict"), [((0.9, 0.5, 0.5), True), ((0.5, 0.5, 0.91), False), ((1.0, 1.0, 1.0), False)]
)
def test_every_seed_must_be_better_by_the_margin(trained: tuple[float, ...], verdict: bool) -> None:
    assert learned([{"seed": seed, "base": 1.0, "trained": value} for seed, value in enumerate(trained)]) is verdict


def test_learning_too_little_is_a_numeric_failure(tmp_path: Path) -> None:
    demand_learning({"passed": True}, tmp_path)
    with pytest.raises(NumericError, match="90%") as caught:
        demand_learning({"passed": False}, tmp_path / "demo.json")
    assert caught.value.exit_code == 5


def test_the_report_stands_in_the_folder_and_marks_the_run(tmp_path: Path) -> None:
    run = tmp_path / "runs" / "one"
    run.mkdir(parents=True)
    report: dict[str, Any] = {"run": str(run), "passed": False}
    assert write_report(tmp_path, report) == tmp_path / "demo.json"
    assert json.loads((tmp_path / "demo.json").read_text()) == json.loads((run / "demo.json").read_text()) == report


def test_the_newest_export_is_measured(tmp_path: Path) -> None:
    with pytest.raises(EnvironmentFault):
        newest_export(tmp_path)
    for step in (60, 120):
        (tmp_path / f"lora_weights_step_{step:05d}.safetensors").touch()
    assert newest_export(tmp_path).name == "lora_weights_step_00120.safetensors"
