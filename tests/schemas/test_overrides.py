"""``--set`` on the command line."""

from __future__ import annotations

from typing import Any

import pytest

from schemas import ConfigError
from schemas.overrides import apply

READ = [
    ("optimization.steps=20", ["optimization", "steps"], 20),
    ("optimization.learning_rate=1e-4", ["optimization", "learning_rate"], 1e-4),
    ("validation.interval=null", ["validation", "interval"], None),
    ("validation.video_dims=[576, 576, 49]", ["validation", "video_dims"], [576, 576, 49]),
    ("validation.stg_blocks=[1,2]", ["validation", "stg_blocks"], [1, 2]),
    ("model.model_path=C: odd # name.safetensors", ["model", "model_path"], "C: odd # name.safetensors"),
    ("model.load_checkpoint=null", ["model", "load_checkpoint"], None),
    ("model.load_checkpoint=", ["model", "load_checkpoint"], None),
    ("wandb.project=null", ["wandb", "project"], "null"),
    ('wandb.project="a\\tb"', ["wandb", "project"], "a\tb"),
    ("wandb.tags=[a, 'b c']", ["wandb", "tags"], ["a", "b c"]),
    ("acceleration.mixed_precision_mode=no", ["acceleration", "mixed_precision_mode"], "no"),
    ("optimization.scheduler_params.end_factor=0.5", ["optimization", "scheduler_params"], {"end_factor": 0.5}),
    (
        "training_strategy.video.conditions=[{type: prefix, temporal_boundary: 3}]",
        ["training_strategy", "video", "conditions"],
        [{"type": "prefix", "temporal_boundary": 3}],
    ),
    ("validation.samples[0].prompt=a = b, c: d", ["validation", "samples"], [{"prompt": "a = b, c: d"}]),
    ("output_dir= spaced ", ["output_dir"], " spaced "),
]


@pytest.mark.parametrize(("assignment", "keys", "value"), READ)
def test_values(assignment: str, keys: list[str], value: Any) -> None:
    found: Any = apply({}, [assignment])
    for key in keys:
        found = found[key]
    assert found == value
    assert type(found) is type(value)


def test_order_and_copy() -> None:
    data = {"seed": 1, "lora": None}
    assert apply(data, ["seed=2", "seed=3", "lora.rank=8"]) == {"seed": 3, "lora": {"rank": 8}}
    assert data == {"seed": 1, "lora": None}


REFUSED = [
    ("optimization.stps=1", "did you mean optimization.steps?"),
    ("steps=1", "did you mean optimization.steps?"),
    ("seed", "write it as"),
    ("seed=[", "put the whole of it in quotes"),
    ("validation.guidance_scale=4", "validation.video_cfg_scale"),
    ("seed.x=1", "holds nothing below it"),
    ("validation.samples[4].prompt=x", "the next item is [0]"),
]


@pytest.mark.parametrize(("assignment", "hint"), REFUSED)
def test_refused(assignment: str, hint: str) -> None:
    with pytest.raises(ConfigError) as caught:
        apply({}, [assignment])
    assert hint in caught.value.hint
