"""The losses of every preset's first steps are those of before."""

from __future__ import annotations

import contextlib
import json
from io import StringIO
from pathlib import Path

import pytest
import torch

import presets
from schemas import render_yaml, validate
from schemas.overrides import apply
from tests.presets_end_to_end import golden
from trainer.files.checkpoint import read_checkpoint
from trainer.rundir import RunDirectory
from tui.demo.changes import World, applied, changes
from tui.demo.needs import Needs

STEPS = 4
NO_SAMPLES = ("model.text_encoder_path=null", "validation.samples=[]", "validation.interval=null")


@pytest.fixture(scope="module", autouse=True)
def _one_thread() -> None:
    from accelerate.state import AcceleratorState

    torch.set_num_threads(1)
    AcceleratorState._reset_state(reset_partial_state=True)


def _config(name: str, root: Path) -> Path:
    """The demo's configuration of a preset, on the stored checkpoint and the fixed clips."""
    needs = Needs.of(name)
    world = World(
        checkpoint=golden.CHECKPOINT,
        layers=int(read_checkpoint(golden.CHECKPOINT).section("transformer")["num_layers"]),
        text_encoder=root,
        prepared=golden.write_prepared(root / "prepared", presets.describe(name).directories),
        caption="",
        clip=dict.fromkeys(needs.roles, ""),
        needs=needs,
        seed=42,
        steps=STEPS,
    )
    data = presets.load(name)
    own = [*NO_SAMPLES, "checkpoints.save_training_state=off", f"output_dir={root / 'run'}"]
    path = root / "config.yaml"
    path.write_text(render_yaml(validate(apply(applied(data, changes(data, world)), own))), encoding="utf-8")
    return path


@pytest.mark.parametrize("name", presets.names())
def test_first_steps(name: str, tmp_path: Path) -> None:
    from trainer.loop.run import run

    with contextlib.redirect_stdout(StringIO()):
        assert run(_config(name, tmp_path), "auto") == 0
    lines = RunDirectory(tmp_path / "run").events_path.read_text(encoding="utf-8").splitlines()
    found = [event["metrics"]["loss"] for event in map(json.loads, lines) if event["type"] == "metric"]
    assert len(found) == STEPS
    golden.compare(name, found)
