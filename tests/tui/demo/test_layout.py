"""Which folder the next run gets."""

from __future__ import annotations

from pathlib import Path

import pytest

import presets
from schemas import LtxTrainerConfig, render_yaml, validate
from trainer.rundir import RunDirectory, StatusWriter
from tui.demo.layout import REPORT, DemoLayout


@pytest.fixture
def layout(tmp_path: Path) -> DemoLayout:
    return DemoLayout(tmp_path, "t2v_lora")


def _config(seed: int = 42) -> LtxTrainerConfig:
    return validate(presets.load("t2v_lora") | {"seed": seed})


def _leave_a_run(layout: DemoLayout, number: int, config: LtxTrainerConfig | None, *, measured: bool = False) -> None:
    run = RunDirectory(layout.run(number))
    run.create()
    with StatusWriter(run) as status:
        status.update(phase="finished" if measured else "stopped")
    if config is not None:
        run.config_path.write_text(render_yaml(config))
    if measured:
        (run.path / REPORT).write_text("{}")


def test_the_first_run(layout: DemoLayout) -> None:
    assert layout.next_run(_config()) == layout.root / "runs" / "t2v_lora"


def test_an_interrupted_run_goes_on(layout: DemoLayout) -> None:
    _leave_a_run(layout, 1, _config())
    assert layout.next_run(_config()) == layout.run(1)


def test_a_run_that_ended_before_it_began_is_used(layout: DemoLayout) -> None:
    _leave_a_run(layout, 1, None)
    assert layout.next_run(_config()) == layout.run(1)


def test_a_finished_demo_makes_a_new_run(layout: DemoLayout) -> None:
    _leave_a_run(layout, 1, _config(), measured=True)
    _leave_a_run(layout, 2, _config(), measured=True)
    assert layout.next_run(_config()) == layout.root / "runs" / "t2v_lora_3"


def test_an_interrupted_run_of_something_else_is_left_alone(layout: DemoLayout) -> None:
    _leave_a_run(layout, 1, _config())
    assert layout.next_run(_config(seed=1)) == layout.run(2)


def test_presets_share_a_root_but_not_data_or_runs(layout: DemoLayout) -> None:
    other = DemoLayout(layout.root, "t2a_lora")
    assert (layout.checkpoint, layout.text_encoder) == (other.checkpoint, other.text_encoder)
    assert layout.dataset != other.dataset
    assert layout.config != other.config
    assert layout.run(1) != other.run(1)
