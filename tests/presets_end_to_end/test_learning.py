"""Every preset learns in the demo's steps, with room to spare: the promise is 90 % of the base model's loss."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import torch

import presets
from tests.presets_end_to_end.journey import Journey
from trainer.fixed_loss import fixed_losses, newest_export
from tui.demo.changes import STEPS
from tui.demo.measure import DRAWS, SEEDS

pytestmark = pytest.mark.slow

ENOUGH = 0.8
CASES = [*(("t2v_lora", seed) for seed in (1, 2, 3)), *((name, 42) for name in presets.names())]


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("learning")


@pytest.mark.parametrize(("name", "seed"), CASES)
def test_the_trained_loss_is_well_below_the_base(root: Path, name: str, seed: int) -> None:
    torch.set_num_threads(1)
    journey = Journey.of(root, name)
    journey.make_inputs()
    journey.prepare()
    shutil.rmtree(journey.run, ignore_errors=True)
    config = journey.configure("validation.interval=null", steps=STEPS, seed=seed)
    assert journey.train() == 0
    for loss in fixed_losses(config, newest_export(config), DRAWS, SEEDS):
        assert loss.trained <= ENOUGH * loss.base
