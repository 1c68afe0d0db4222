"""Older keys: what they become, what is said about it, and where their faults are shown."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import pytest

from schemas import LtxTrainerConfig, field_problems, load_config, validate
from schemas.extensions import without_unchanged
from schemas.legacy import migrate
from schemas.validation import ValidationConfig
from tests.schemas.samples import smallest


def validation(**keys: Any) -> dict[str, Any]:
    return validate(smallest(validation=keys)).validation.model_dump(mode="json")


def strategy(data: dict[str, Any] | None) -> dict[str, Any]:
    config = smallest(training_strategy=data, validation={"interval": None})
    if data is None:
        del config["training_strategy"]
    found = validate(config).training_strategy.model_dump(mode="json")
    kept: dict[str, Any] = without_unchanged({"training_strategy": found})["training_strategy"]
    return kept


GUIDANCE = [
    ({"guidance_scale": 4.0}, (4.0, 4.0, 1.0, 1.0)),
    ({"stg_scale": 0.5}, (3.0, 7.0, 0.5, 0.5)),
    ({"stg_scale": 0.5, "stg_mode": "stg_v"}, (3.0, 7.0, 0.5, 0.0)),
    ({"stg_mode": "stg_v"}, (3.0, 7.0, 1.0, 0.0)),
    ({"stg_mode": "stg_av"}, (3.0, 7.0, 1.0, 1.0)),
    ({"guidance_scale": 2, "stg_scale": 0, "stg_mode": "stg_av"}, (2.0, 2.0, 0.0, 0.0)),
]


@pytest.mark.parametrize(("older", "expected"), GUIDANCE)
def test_guidance(older: dict[str, Any], expected: tuple[float, ...]) -> None:
    found = validation(**older)
    names = ("video_cfg_scale", "audio_cfg_scale", "video_stg_scale", "audio_stg_scale")
    assert tuple(found[name] for name in names) == expected
    direct = ValidationConfig(**older)
    assert (direct.video_cfg_scale, direct.audio_cfg_scale, direct.video_stg_scale, direct.audio_stg_scale) == expected


def test_prompts_become_samples() -> None:
    found = validation(
        prompts=["a", "b"],
        images=["1.png", "2.png"],
        reference_videos=["1.mp4", "2.mp4"],
        reference_downscale_factor=2,
        include_reference_in_output=True,
    )
    assert [sample["prompt"] for sample in found["samples"]] == ["a", "b"]
    first, second = found["samples"][1]["conditions"]
    assert (first["type"], first["image_or_video"]) == ("first_frame", "2.png")
    assert (second["type"], second["video"], second["downscale_factor"]) == ("reference", "2.mp4", 2)
    assert second["include_in_output"] is True


def test_samples_win_over_prompts_and_say_so() -> None:
    keys: dict[str, Any] = {"samples": [{"prompt": "new"}], "prompts": ["old"]}
    assert [sample["prompt"] for sample in validation(**keys)["samples"]] == ["new"]
    notes = migrate(smallest(validation=keys)).notes
    assert [(note.path, "ignored" in note.message) for note in notes] == [("validation.prompts", True)]


def test_neutral_older_keys_are_dropped_in_silence() -> None:
    keys: dict[str, Any] = {"prompts": [], "images": None, "reference_videos": None, "reference_downscale_factor": 1}
    migration = migrate(smallest(validation={**keys, "include_reference_in_output": False}))
    assert migration.notes == []
    assert migration.data["validation"] == {"samples": []}


CLASHES = [
    ({"guidance_scale": 4.0, "video_cfg_scale": 3.0}, "validation.guidance_scale", "older spelling"),
    ({"stg_scale": 1.0, "audio_stg_scale": 1.0}, "validation.stg_scale", "older spelling"),
    ({"stg_mode": "stg_v", "video_stg_scale": 1.0}, "validation.stg_mode", "older spelling"),
    ({"stg_mode": "stg_a"}, "validation.stg_mode", "unknown STG mode"),
    ({"guidance_scale": 0.5}, "validation.guidance_scale", "at least 1"),
    ({"guidance_scale": None}, "validation.guidance_scale", "must be a number, not null"),
    ({"stg_scale": -1}, "validation.stg_scale", "at least 0"),
    ({"prompts": "a"}, "validation.prompts", "must be a list"),
    ({"prompts": ["a", 5]}, "validation.prompts[1]", "must be text"),
    ({"prompts": ["a"], "images": ["1", "2"]}, "validation.images", "2 files for 1 prompts"),
    ({"images": ["1"]}, "validation.images", "1 files for 0 prompts"),
    ({"prompts": ["a"], "reference_videos": []}, "validation.reference_videos", "0 files for 1 prompts"),
    ({"reference_downscale_factor": 0}, "validation.reference_downscale_factor", "at least 1"),
    ({"prompts": ["a"], "images": [""]}, "validation.images[0]", "empty"),
]


@pytest.mark.parametrize(("keys", "path", "message"), CLASHES)
def test_faults_are_shown_at_the_key_that_was_written(keys: dict[str, Any], path: str, message: str) -> None:
    problems = field_problems(smallest(validation=keys))
    assert {problem.path for problem in problems} == {path}
    assert all(message in problem.message for problem in problems)
    with pytest.raises(ValueError, match="validation"):
        LtxTrainerConfig.model_validate(smallest(validation=keys))


def _first_frame(p: float) -> dict[str, Any]:
    return {"type": "first_frame", "probability": p, "skip_stills": True}


def test_strategies() -> None:
    video = {"is_generated": True, "latents_dir": "latents"}
    default = {"name": "flexible", "video": {**video, "conditions": [_first_frame(0.1)]}, "audio": None}
    assert strategy(None) == default
    assert strategy({}) == strategy({"name": "text_to_video"}) == strategy(None)
    assert strategy({"name": "text_to_video", "with_audio": True, "first_frame_conditioning_p": 0}) == {
        "name": "flexible",
        "video": {**video, "conditions": []},
        "audio": {"is_generated": True, "latents_dir": "audio_latents", "conditions": []},
        "shared_sigma": True,
    }
    reference = {"type": "reference", "latents_dir": "refs", "probability": 1.0, "timing": "target"}
    assert strategy({"name": "video_to_video", "reference_latents_dir": "refs", "first_frame_conditioning_p": 0.5}) == {
        "name": "flexible",
        "video": {**video, "conditions": [reference, _first_frame(0.5)]},
        "audio": None,
    }
    assert strategy({"video": video})["name"] == "flexible"


STRATEGY_FAULTS = [
    ({"name": "text_to_video", "first_frame_conditioning_p": 2}, "first_frame_conditioning_p", "at most 1"),
    ({"first_frame_conditioning_p": True}, "first_frame_conditioning_p", "must be a number"),
    ({"name": "text_to_video", "with_adio": True}, "with_adio", "unknown key"),
    ({"name": "video_to_video", "with_audio": True}, "with_audio", "unknown key"),
    ({"name": "flexibel", "video": {"is_generated": True, "latents_dir": "l"}}, "name", "must be flexible"),
]


@pytest.mark.parametrize(("data", "key", "message"), STRATEGY_FAULTS)
def test_faults_of_strategies(data: dict[str, Any], key: str, message: str) -> None:
    problems = field_problems(smallest(training_strategy=data, validation={"interval": None}))
    assert [problem.path for problem in problems] == [f"training_strategy.{key}"]
    assert message in problems[0].message


def test_video_to_video_wants_references_and_lora() -> None:
    older = {"name": "video_to_video"}
    assert "reference in validation" in field_problems(smallest(training_strategy=older))[0].message
    assert field_problems(smallest(training_strategy=older, validation={"interval": None})) == ()
    with_reference = {"prompts": ["a"], "reference_videos": ["r.mp4"]}
    assert field_problems(smallest(training_strategy=older, validation=with_reference)) == ()
    sample = {"samples": [{"prompt": "a", "conditions": [{"type": "reference", "video": "r.mp4"}]}]}
    assert field_problems(smallest(training_strategy=older, validation=sample)) == ()
    full = smallest(training_strategy=older, validation=sample, model={"model_path": "m", "training_mode": "full"})
    assert [problem.path for problem in field_problems(full)] == ["training_strategy.name"]
    with pytest.raises(ValueError, match="reference in validation"):
        LtxTrainerConfig.model_validate(smallest(training_strategy=older))


def test_notes_instead_of_warnings(tmp_path: Path) -> None:
    path = tmp_path / "old.yaml"
    path.write_text(
        "model: {model_path: m}\nlora: {}\ndata: {preprocessed_data_root: d}\n"
        "training_strategy: {name: text_to_video}\nvalidation: {guidance_scale: 4}\n"
    )
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        loaded = load_config(path)
    assert [note.path for note in loaded.notes] == ["training_strategy.name", "validation.guidance_scale"]
    assert "retired" in str(loaded.notes[0])
