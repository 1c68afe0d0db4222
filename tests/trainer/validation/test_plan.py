from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from schemas.errors import ConfigError, DataError
from schemas.validation import ValidationConfig
from tests.support.media import write_clip
from trainer.files.checkpoint import VaeScale
from trainer.model.inputs import Modalities
from trainer.validation.guidance import OFF
from trainer.validation.plan import audio_steps, effective_guidance, made_modalities, media_warnings, plan_samples

SCALE = VaeScale(32, 8)


def _config(**fields: Any) -> ValidationConfig:
    return ValidationConfig.model_validate({"samples": [{"prompt": "x"}], **fields})


@pytest.mark.parametrize(
    ("frames", "fps", "steps"),
    [(25, 24.0, 26), (25, 25.0, 25), (49, 24.0, 51), (49, 25.0, 49), (89, 24.0, 93), (121, 24.0, 126), (1, 24.0, 1),
     (153, 30.0, 127), (1, 1000.0, 1)],
)  # fmt: skip
def test_length_of_the_sound(frames: int, fps: float, steps: int) -> None:
    assert audio_steps(frames, fps) == steps


@pytest.mark.parametrize(
    ("dims", "tokens"),
    [((512, 512, 25), 1024), ((576, 576, 49), 2268), ((960, 544, 89), 6120), ((768, 768, 1), 576)],
)
def test_latent_sizes(dims: tuple[int, int, int], tokens: int) -> None:
    (plan,) = plan_samples(_config(video_dims=dims), Modalities(), SCALE, 48)
    assert plan.frames * plan.height * plan.width == tokens
    assert (plan.height, plan.width, plan.pixels.frames) == (dims[1] // 32, dims[0] // 32, dims[2])


def test_sample_settings_override_the_common_ones() -> None:
    samples = [{"prompt": "a"}, {"prompt": "b", "seed": 0, "video_dims": [64, 96, 17]}]
    first, second = plan_samples(_config(samples=samples, seed=9, video_dims=[32, 32, 9]), Modalities(), SCALE, 48)
    assert (first.seed, second.seed) == (9, 0)
    assert (second.height, second.width, second.frames) == (3, 2, 3)


def test_modalities_that_are_made() -> None:
    assert made_modalities(_config()) == Modalities()
    assert made_modalities(_config(generate_audio=False)) == Modalities(audio=False)
    assert made_modalities(_config(samples=[])) is None
    (sound,) = plan_samples(_config(), Modalities(video=False), SCALE, 48)
    assert (sound.has_video, sound.has_audio) == (False, True)


def test_a_half_the_run_does_not_hold_is_left_out() -> None:
    assert made_modalities(_config(), Modalities(audio=False)) == Modalities(audio=False)
    assert made_modalities(_config(generate_video=False), Modalities(video=False)) == Modalities(video=False)
    with pytest.raises(ConfigError, match="holds no audio half"):
        made_modalities(_config(generate_video=False), Modalities(audio=False))


def _conditioned(*conditions: dict[str, Any], **fields: Any) -> ValidationConfig:
    return _config(samples=[{"prompt": "x", "conditions": list(conditions)}], video_dims=[64, 64, 25], **fields)


def test_what_is_given_whole_is_not_generated(tmp_path: Path) -> None:
    clip = {"type": "video_to_audio", "video": str(write_clip(tmp_path / "a.mp4", 25))}
    for fields in ({}, {"generate_video": False}):
        config = _conditioned(clip, **fields)
        (plan,) = plan_samples(config, Modalities(), SCALE, 48)
        assert (plan.has_video, plan.generates("video"), plan.generates("audio")) == (True, False, True)
        assert made_modalities(config) == Modalities()
        # Nothing steers what is given.
        assert effective_guidance(config, (plan,)).video == OFF
    with pytest.raises(ConfigError) as refusal:
        plan_samples(_conditioned(clip), Modalities(audio=False), SCALE, 48)
    assert "everything this run can make is given" in refusal.value.problems[0].message


def test_conditions_that_fit_no_sample_are_named(tmp_path: Path) -> None:
    clip = str(write_clip(tmp_path / "a.mp4", 25))
    wrong = _conditioned(
        {"type": "prefix", "video": clip, "num_frames": 8},
        {"type": "reference", "video": clip, "downscale_factor": 3},
        {"type": "spatial_crop", "video": clip, "spatial_region": [0, 0, 64, 64]},
    )
    with pytest.raises(ConfigError) as refusal:
        plan_samples(wrong, Modalities(), SCALE, 48)
    paths = [f"validation.samples[0].conditions[{index}]" for index in range(3)]
    assert [problem.path for problem in refusal.value.problems] == paths
    with pytest.raises(ConfigError) as refusal:
        plan_samples(
            _conditioned({"type": "prefix", "video": clip, "num_frames": 9}), Modalities(video=False), SCALE, 48
        )
    assert "does not load" in refusal.value.problems[0].message


def test_files_are_looked_at_before_anything_is_loaded(tmp_path: Path) -> None:
    short = str(write_clip(tmp_path / "a.mp4", 9))
    with pytest.raises(DataError, match="has 9 frames, 17 are needed"):
        plan_samples(_conditioned({"type": "prefix", "video": short, "num_frames": 17}), Modalities(), SCALE, 48)
    with pytest.raises(DataError, match=r"samples\[0\]\.conditions\[0\]\.image_or_video: none.png does not exist"):
        plan_samples(_conditioned({"type": "first_frame", "image_or_video": "none.png"}), Modalities(), SCALE, 48)
    slow = _conditioned({"type": "reference", "video": str(write_clip(tmp_path / "b.mp4", 25, fps=12))})
    plan_samples(slow, Modalities(), SCALE, 48)
    (message,) = media_warnings(slow, SCALE)
    assert "12 frames a second" in message


@pytest.mark.parametrize(
    ("dims", "hints"),
    [((100, 64, 9), ["96x64"]), ((64, 50, 9), ["64x64"]), ((64, 64, 10), ["9"]), ((10, 64, 16), ["32x64", "17"])],
)
def test_impossible_sizes_name_the_nearest(dims: tuple[int, int, int], hints: list[str]) -> None:
    with pytest.raises(ConfigError) as refusal:
        plan_samples(_config(video_dims=dims, samples=[{"prompt": "a"}, {"prompt": "b"}]), Modalities(), SCALE, 48)
    assert [problem.hint for problem in refusal.value.problems] == [f"nearest: {hint}" for hint in hints]


@pytest.mark.parametrize(
    ("fields", "refused"),
    [
        ({}, True),
        ({"stg_blocks": None}, False),
        ({"stg_blocks": [1]}, False),
        ({"video_stg_scale": 0, "audio_stg_scale": 0}, False),
        ({"video_stg_scale": 0, "generate_audio": False}, False),
    ],
)
def test_blocks_beyond_the_model_are_refused_only_when_used(fields: dict[str, Any], refused: bool) -> None:
    config = _config(**fields)
    made = made_modalities(config) or Modalities()
    if refused:
        with pytest.raises(ConfigError, match="cannot be made"):
            plan_samples(config, made, SCALE, 2)
    else:
        plan_samples(config, made, SCALE, 2)
