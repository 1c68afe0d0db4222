"""The preflight refuses exactly what the trainer refuses because it cannot do it yet."""

from __future__ import annotations

import pytest

from schemas import validate
from schemas.errors import ConfigError
from tests.trainer.preflight.world import World
from trainer.preflight.rules_supported import CODE, QUANTIZATION


def refused(world: World, *changes: str) -> list[str]:
    return [problem.path for problem in world.check(*changes).problems if problem.code == CODE]


def test_quantization(world: World) -> None:
    from trainer.loop.setup import prepare

    config = validate(world.data("acceleration.quantization=int8-quanto"))
    if QUANTIZATION:
        assert refused(world, "acceleration.quantization=int8-quanto") == []
        return
    assert refused(world, "acceleration.quantization=int8-quanto") == ["acceleration.quantization"]
    with pytest.raises(ConfigError, match="not supported yet"):
        prepare(config, warn=lambda code, message: None, share=lambda *share: None)
