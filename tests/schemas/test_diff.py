"""Differences with defaults resolved."""

from __future__ import annotations

import pytest

from schemas import ConfigError, load_config, validate
from schemas.diff import Difference, diff, training_diff
from tests.schemas.samples import CURRENT, SEED_ERA, smallest


def test_defaults_make_no_difference() -> None:
    assert diff(smallest(), smallest(optimization={"steps": 3000, "scheduler_params": {}}, seed=42)) == ()
    older = smallest(validation={"guidance_scale": 4.0})
    assert diff(older, smallest(validation={"video_cfg_scale": 4, "audio_cfg_scale": 4})) == ()
    for path in (CURRENT, SEED_ERA):
        config = load_config(path).config
        assert diff(config, config.model_dump(mode="json")) == ()


def test_differences() -> None:
    left = smallest(validation={"samples": [{"prompt": "a"}, {"prompt": "b"}]})
    conditions = [{"type": "prefix", "temporal_boundary": 2}]
    video = {"is_generated": True, "latents_dir": "latents", "conditions": conditions}
    right = smallest(
        training_strategy={"name": "flexible", "video": video},
        optimization={"scheduler_params": {"end_factor": 0.5}},
        validation={"samples": [{"prompt": "c"}], "stg_blocks": [1, 2]},
        output_dir="other",
    )
    found = {difference.path: difference for difference in diff(left, right)}
    assert found["training_strategy.video.conditions[0]"].change == "added"
    assert found["training_strategy.video.conditions[0]"].training
    assert found["optimization.scheduler_params"].right == {"end_factor": 0.5}
    assert found["validation.samples[0].prompt"] == Difference(
        "validation.samples[0].prompt", "changed", "a", "c", False
    )
    assert found["validation.samples[1]"].change == "removed"
    assert found["validation.stg_blocks"].right == [1, 2]
    assert found["output_dir"].training is False
    assert len(found) == 6
    training = {difference.path for difference in training_diff(validate(left), validate(right))}
    assert training == {"training_strategy.video.conditions[0]", "optimization.scheduler_params"}


def test_only_valid_configurations_are_compared() -> None:
    with pytest.raises(ConfigError):
        diff(smallest(), smallest(seed=-1))
