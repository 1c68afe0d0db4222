"""The preflight refuses exactly what the trainer refuses because it cannot do it yet."""

from __future__ import annotations

from typing import Any, get_args

import pytest

from schemas import validate
from schemas.errors import ConfigError
from schemas.validation_conditions import ValidationCondition
from tests.trainer.preflight.world import World
from trainer.preflight.rules_supported import CODE, QUANTIZATION

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
    assert kinds(ValidationCondition) == set(VALIDATION)


def refused(world: World, *changes: str, **sections: Any) -> list[str]:
    return [problem.path for problem in world.check(*changes, **sections).problems if problem.code == CODE]


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
