"""A run in small: what a probe measures, what it leaves alone, and how it fails."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch

import presets
from schemas import LtxTrainerConfig, load_config, render_yaml, validate
from schemas.errors import EXIT_BUG, EXIT_ENVIRONMENT, EXIT_OK
from schemas.overrides import apply
from tests.conftest import ROOT
from tests.support.tiny import prepared, tiny_world
from tests.trainer.loop.world import Clip, config_data, write_clips
from trainer import probe as module
from trainer.loop.meter import Taken
from trainer.loop.probing import Probe, longest, shortened
from trainer.loop.setup import prepare
from trainer.model.transformer import LtxTransformer
from trainer.preflight.memory import memory_job
from tui.launch import PYTHON_VARIABLE

PHASES = ["text_encoding", "load", "training_step", "validation", "save"]


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The 32 GB preset on the tiny world, with two samples of which the second is larger."""
    root = tmp_path_factory.mktemp("probe")
    world = tiny_world(root / "world", count=2)
    changes = [
        f"model.model_path={world.checkpoint}",
        f"model.text_encoder_path={world.gemma}",
        f"data.preprocessed_data_root={prepared(world)}",
        "data.num_dataloader_workers=0",
        f"output_dir={root / 'run'}",
        "optimization.steps=1000",
        "validation.interval=250",
        "validation.inference_steps=1",
        "validation.video_dims=[64,64,9]",
        "validation.stg_blocks=[1]",
        "checkpoints.interval=500",
    ]
    data = apply(presets.load("t2v_lora_low_vram"), changes)
    data["validation"]["samples"] = [{"prompt": "a red square"}, {"prompt": "a circle", "video_dims": [96, 64, 9]}]
    path = root / "config.yaml"
    path.write_text(render_yaml(validate(data)))
    return path


@pytest.fixture
def config(path: Path) -> LtxTrainerConfig:
    return load_config(path).config


def test_memory_that_runs_out_ends_with_what_was_found(
    path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def full(*_: object, **__: object) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB")

    monkeypatch.setattr(LtxTransformer, "forward", full)
    assert module.main([str(path)]) == EXIT_ENVIRONMENT
    printed = capsys.readouterr()
    assert printed.out == ""
    table = [line for line in printed.err.splitlines() if " GB  " in line]
    assert [line.split("  ")[0].strip() for line in table] == ["text encoding", "load", "training step"]
    assert "ran out of memory in the probe's phase training_step" in printed.err


def test_the_command_checks_and_measures_every_phase(path: Path, warm: str, tmp_path: Path) -> None:
    environment = {
        **os.environ,
        "PYTHONPATH": str(ROOT),
        PYTHON_VARIABLE: f"{sys.executable} -m tests.support.warm run {warm}",
        "XDG_STATE_HOME": str(tmp_path),
        "TMPDIR": str(tmp_path),
    }

    def run(config: Path) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "tui", "probe", str(config), "--steps", "3", "--json"]
        return subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=120)

    done = run(path)
    assert done.returncode == EXIT_OK, done.stderr
    found = json.loads(done.stdout)
    assert [one["phase"] for one in found["phases"]] == PHASES
    for one in found["phases"]:
        assert min(one["estimated_bytes"], one["measured_bytes"], one["seconds"]) > 0
    assert found["steps"] == 3
    assert "step 3 of 3" in done.stderr
    assert 0 < found["step_seconds"] * 1000 < found["run_seconds"]
    assert not (path.parent / "run").exists()
    if not torch.cuda.is_available():
        assert (found["device"], found["measures"], found["recorded"]) == ("cpu", "host", False)
        assert list(tmp_path.iterdir()) == []  # nothing was recorded, and the temporary directory is gone
    words = list(module.lines(found))
    assert words[0].startswith("3 steps at clip")
    assert any("for all 1000 steps" in line for line in words)

    wrong = tmp_path / "wrong.yaml"
    wrong.write_text(path.read_text().replace(str(path.parent / "world"), str(path.parent / "nowhere")))
    refused = run(wrong)
    assert refused.returncode not in (EXIT_OK, EXIT_BUG)
    assert "error: model.model_path" in refused.stderr
    assert refused.stdout == ""


def test_the_batch_is_the_longest_that_ever_comes(tmp_path: Path) -> None:
    clips = [Clip(), Clip(frames=4), Clip(), Clip(frames=4), Clip(frames=9)]
    root = write_clips(tmp_path / "data", clips)
    config = validate(config_data(root, tmp_path / "run", optimization__batch_size=2))
    ready = prepare(config, warn=lambda *_: None, share=lambda *_: None)
    batch = longest(ready)
    # The one clip of nine frames never fills a batch of two.
    assert sorted(batch.names) == ["clip_1", "clip_3"]


def test_only_what_tells_others_and_small_samples_are_left_out(tmp_path: Path, config: LtxTrainerConfig) -> None:
    short = shortened(config, tmp_path)
    assert [sample.prompt for sample in short.validation.samples] == ["a circle"]
    assert short.output_dir == tmp_path
    assert not short.wandb.enabled
    assert short.optimization == config.optimization
    assert short.acceleration == config.acceleration


def found(device: str, **seconds: float) -> Probe:
    taken = {name: Taken(100, spent) for name, spent in seconds.items()}
    predicted = {"latent_encoding": 5, **dict.fromkeys(PHASES, 90)}
    job = memory_job(validate(config_data(Path("data"), Path("run"))))
    return Probe(device, predicted, taken, 120, ("a",), (9.0, 2.0, 2.5, 2.1), job)


def test_the_whole_run_is_all_steps_samples_and_saves(config: LtxTrainerConfig) -> None:
    one = found("", text_encoding=10, load=20, training_step=15.6, validation=30, save=1)
    assert one.step_seconds == 2.1  # the first step is not a usual one
    # Samples at the start and every 250 of 1000 steps, two each; a save every 500.
    assert one.run_seconds(config) == pytest.approx(30 + 2100 + 5 * 2 * 30 + 2 * 1)


def test_only_a_card_calibrates() -> None:
    seconds = dict.fromkeys(PHASES, 1.0)
    assert found("", **seconds).measurement is None
    assert found("a card").measurement is None  # no step was taken
    assert replace(found("a card", **seconds), steps=(1.0,)).measurement is None
    kept = found("a card", **seconds).measurement
    assert kept is not None
    assert (kept.card, kept.model, kept.source) == ("a card", "2.3", "probe")
    assert kept.predicted == dict.fromkeys(PHASES, 90)
    assert kept.measured == dict.fromkeys(PHASES, 100)
    assert kept.reserved == 120
