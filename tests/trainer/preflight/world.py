"""A small run that the preflight has nothing against: each test breaks one thing in it."""

from __future__ import annotations

import copy
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import presets
from schemas import validate
from schemas.overrides import apply
from tests.support import prepared
from tests.trainer.files.test_gemma import write_gemma
from trainer.preflight import CheckReport, Problem, check

GOLDEN = Path(__file__).parents[2] / "golden"
NAMES = ("a", "b", "c")
SMALL_GEMMA = {"model_type": "gemma3", "text_config": {"hidden_size": 48, "num_hidden_layers": 3}}
VIDEO, AUDIO, TEXT = "latents", "audio_latents", "conditions"


class World:
    """The small 2.3 checkpoint, a matching text encoder, three prepared clips of 7 latent frames of 4 x 4 at 24 fps."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.model = GOLDEN / "ltx2.3_tiny_checkpoint.safetensors"
        self.gemma = write_gemma(root / "gemma", SMALL_GEMMA)
        self.prepared = root / "data"
        self.write(VIDEO, video())
        self.write(AUDIO, audio())
        self.write(TEXT, text())

    def write(self, directory: str, value: Any, names: Iterable[str] = NAMES) -> None:
        prepared.dataset(self.prepared, {directory: value}, names)

    def data(self, *changes: str, **sections: Any) -> dict[str, Any]:
        """The configuration with ``a.b=value`` changes and whole sections replaced."""
        data = presets.load("t2v_lora")
        data["model"].update(model_path=str(self.model), text_encoder_path=str(self.gemma))
        data["data"]["preprocessed_data_root"] = str(self.prepared)
        data["output_dir"] = str(self.root / "out")
        data["validation"].update(samples=[{"prompt": "a fox"}], video_dims=[128, 128, 49], stg_blocks=[1])
        data["checkpoints"]["save_training_state"] = "full"
        data["lora"].update(rank=4, alpha=4)
        for name, value in sections.items():
            data[name] = copy.deepcopy(value)
        return apply(data, list(changes))

    def check(self, *changes: str, **sections: Any) -> CheckReport:
        return check(validate(self.data(*changes, **sections)))


def video(frames: int = 7, height: int = 4, width: int = 4, **options: Any) -> dict[str, Any]:
    return prepared.video(frames, height, width, **{"channels": 16, **options})


def audio(steps: int = 51) -> dict[str, Any]:
    return prepared.audio(steps, channels=1)


def text(video_width: int = 64, audio_width: int | None = 32, tokens: int = 128) -> dict[str, Any]:
    return prepared.text(video_width, audio_width, tokens)


def strategy(
    video_conditions: list[dict[str, Any]] | None = None,
    audio_conditions: list[dict[str, Any]] | None = None,
    *,
    with_video: bool = True,
    with_audio: bool = True,
) -> dict[str, Any]:
    """A flexible strategy that generates the given modalities."""
    parts = {
        "video": {"is_generated": True, "latents_dir": VIDEO, "conditions": video_conditions or []},
        "audio": {"is_generated": True, "latents_dir": AUDIO, "conditions": audio_conditions or []},
    }
    return {
        "name": "flexible",
        "video": parts["video"] if with_video else None,
        "audio": parts["audio"] if with_audio else None,
    }


def codes(report: CheckReport, *severities: str) -> list[str]:
    """Codes found, of errors and warnings unless other severities are asked for."""
    wanted = severities or ("error", "warning")
    return [problem.code for problem in report.problems if problem.severity in wanted]


def only(report: CheckReport, code: str) -> Problem:
    """The single problem of a code; every other error or warning is a failure."""
    found = [problem for problem in report.problems if problem.severity != "info"]
    assert [problem.code for problem in found] == [code], found
    return found[0]


def sampled(world: World, *conditions: dict[str, Any], **fields: Any) -> CheckReport:
    """The world with one sample of 128 x 128 x 49 and these conditions."""
    sample = {"prompt": "a fox", "conditions": list(conditions), **fields}
    data = world.data()
    return world.check(validation={**data["validation"], "samples": [sample]})
