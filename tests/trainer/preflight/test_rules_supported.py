"""The preflight refuses exactly what the trainer refuses because it cannot do it yet."""

from __future__ import annotations

from typing import Any, get_args

import pytest

from schemas import validate
from schemas.conditions import TrainingCondition
from schemas.errors import ConfigError
from schemas.validation_conditions import ValidationCondition
from tests.trainer.preflight.world import World, strategy
from trainer.preflight.rules_supported import CODE, QUANTIZATION

TRAINING: dict[str, dict[str, Any]] = {
    "first_frame": {},
    "prefix": {"temporal_boundary": 1},
    "suffix": {"temporal_boundary": 1},
    "spatial_crop": {"spatial_region": [0, 0, 32, 32]},
    "mask": {"mask_dir": "latents"},
    "reference": {"latents_dir": "latents"},
}
VALIDATION: dict[str, dict[str, Any]] = {
    "first_frame": {"image_or_video": "x.png"},
    "prefix": {"video": "x.mp4"},
    "suffix": {"video": "x.mp4"},
    "spatial_crop": {"video": "x.mp4", "spatial_region": [0, 0, 32, 32]},
    "mask": {"video": "x.mp4", "mask": "m.png"},
    "reference": {"video": "x.mp4"},
    "video_to_audio": {"video": "x.mp4"},
    "audio_to_video": {"audio": "x.wav"},
}


def kinds(union: Any) -> set[str]:
    return {model.model_fields["type"].default for model in get_args(get_args(union)[0])}


def test_every_kind_is_tried() -> None:
    assert kinds(TrainingCondition) == set(TRAINING)
    assert kinds(ValidationCondition) == set(VALIDATION)


def refused(world: World, *changes: str, **sections: Any) -> list[str]:
    return [problem.path for problem in world.check(*changes, **sections).problems if problem.code == CODE]


@pytest.mark.parametrize("kind", TRAINING)
def test_training_conditions(world: World, kind: str) -> None:
    from trainer.objective.strategy import plan_of

    wanted = strategy([{"type": kind, **TRAINING[kind]}])
    config = validate(world.data(training_strategy=wanted))
    try:
        plan_of(config.training_strategy)
        paths = []
    except ConfigError as error:
        paths = [problem.path for problem in error.problems]
    assert refused(world, training_strategy=wanted) == paths


@pytest.mark.parametrize("kind", VALIDATION)
def test_validation_conditions(world: World, kind: str) -> None:
    from trainer.validation.plan import unsupported

    samples = [{"prompt": "x", "conditions": [{"type": kind, **VALIDATION[kind]}]}]
    validation = {**world.data()["validation"], "samples": samples}
    config = validate(world.data(validation=validation))
    assert refused(world, validation=validation) == [problem.path for problem in unsupported(config.validation)]
    assert refused(world, validation={**validation, "interval": None}) == []


def test_quantization(world: World) -> None:
    from trainer.loop.setup import prepare

    config = validate(world.data("acceleration.quantization=int8-quanto"))
    if QUANTIZATION:
        assert refused(world, "acceleration.quantization=int8-quanto") == []
        return
    assert refused(world, "acceleration.quantization=int8-quanto") == ["acceleration.quantization"]
    with pytest.raises(ConfigError, match="not supported yet"):
        prepare(config, warn=lambda code, message: None, share=lambda *share: None)
