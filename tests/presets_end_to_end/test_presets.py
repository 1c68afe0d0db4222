"""Every preset from raw files to an export that has been validated, each on the data and conditions it is about.

``t2v_lora`` goes the same way through real processes in ``tests/e2e/test_demo.py``.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

import presets
from presets.geometry import audio_tokens
from schemas import LtxTrainerConfig
from tests.presets_end_to_end.journey import STEPS, Journey
from trainer.demo_assets import CLIPS
from trainer.files.checkpoint import read_checkpoint
from trainer.files.media import probe
from trainer.preflight.modules import match_targets, module_names
from tui.checking import Checked
from tui.demo.needs import FPS, HEIGHT, WIDTH

EXPECTED_WARNINGS = {"learning-rate", "saved-only-at-the-end"}
"""A high rate for few steps, and no save on the way because the stop is one."""


@dataclass(frozen=True)
class Arrived:
    """A preset that has gone all the way."""

    journey: Journey
    files: dict[str, int]
    config: LtxTrainerConfig
    checked: Checked

    @property
    def name(self) -> str:
        return self.journey.layout.preset


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("presets")


@pytest.fixture(scope="module", params=[name for name in presets.names() if name != "t2v_lora"])
def arrived(request: pytest.FixtureRequest, root: Path) -> Arrived:
    torch.set_num_threads(1)
    journey = Journey.of(root, request.param)
    journey.make_inputs()
    files = journey.prepare()
    config = journey.configure()
    checked = journey.check()
    journey.train_with_a_stop()
    return Arrived(journey, files, config, checked)


def test_prepare_makes_every_directory_the_preset_reads(arrived: Arrived) -> None:
    assert arrived.files == dict.fromkeys(presets.describe(arrived.name).directories, CLIPS)


def test_check_has_nothing_against_it(arrived: Arrived) -> None:
    problems = [problem for problem in arrived.checked.report.problems if problem.severity != "info"]
    assert {problem.code for problem in problems} <= EXPECTED_WARNINGS, problems


def test_training_stops_goes_on_and_learns(arrived: Arrived) -> None:
    journey = arrived.journey
    assert [event["code"] for event in journey.events("exit")] == [75, 0]
    first, second = journey.events("run")
    assert first["resumed_from"] is None
    assert Path(second["resumed_from"]).name == "step_000001"
    assert journey.events("warning") == []
    losses = journey.losses()
    assert len(losses) == STEPS
    assert sum(losses[-4:]) < 0.97 * sum(losses[:4])


def test_the_sample_shows_and_sounds_what_the_preset_makes(arrived: Arrived) -> None:
    (sample,) = arrived.journey.events("sample")
    assert sample["step"] == STEPS
    validation = arrived.config.validation
    info = probe(arrived.journey.run / sample["path"])
    kinds = {condition.type for condition in validation.samples[0].conditions}
    shown = validation.generate_video or "video_to_audio" in kinds
    assert info.kind == ("video" if shown else "audio")
    assert info.has_audio == (validation.generate_audio or "audio_to_video" in kinds)
    frames = arrived.journey.needs.frames
    if shown:
        beside = any(getattr(condition, "include_in_output", False) for condition in validation.samples[0].conditions)
        assert (info.width, info.height, info.frames) == (WIDTH * (2 if beside else 1), HEIGHT, frames)
        assert (arrived.journey.run / sample["poster"]).is_file()
    else:
        assert info.duration == pytest.approx(audio_tokens(frames, FPS) / 25, abs=0.05)


def test_the_export_holds_every_target_and_what_was_learnt(arrived: Arrived) -> None:
    path = arrived.journey.run / f"checkpoints/lora_weights_step_{STEPS:05d}.safetensors"
    tensors = load_file(path)
    assert arrived.config.lora is not None
    strategy = arrived.config.training_strategy
    held = module_names(
        read_checkpoint(arrived.journey.layout.checkpoint),
        video=strategy.video is not None,
        audio=strategy.audio is not None,
    )
    hits = match_targets(arrived.config.lora.target_modules, held)
    wanted = {f"diffusion_model.{name}" for names in hits.values() for name in names}
    assert {key.removesuffix(".lora_B.weight") for key in tensors if key.endswith(".lora_B.weight")} == wanted
    assert {key.removesuffix(".lora_A.weight") for key in tensors if key.endswith(".lora_A.weight")} == wanted
    learnt = [bool(tensors[f"{name}.lora_B.weight"].any()) for name in sorted(wanted)]
    assert all(torch.isfinite(tensor).all() for tensor in tensors.values())
    assert sum(learnt) > len(learnt) / 2
