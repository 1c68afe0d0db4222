"""Whether two configurations train the same model: what may change before a run can no longer go on as itself."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator
from typing import Any, Final

from schemas.config import LtxTrainerConfig
from schemas.fieldspec import FieldSpec
from schemas.params import resolved_sampling_params, resolved_scheduler_params
from schemas.spec import model_specs

_VERSION: Final = 1
"""Raised when what is covered changes for configurations that could already be written."""


def covered_fields() -> tuple[str, ...]:
    """Every field that decides what is trained; all others may change between stopping and going on."""
    return tuple(spec.path for spec in _covered(model_specs()))


def _covered(specs: tuple[FieldSpec, ...]) -> Iterator[FieldSpec]:
    for spec in specs:
        if not spec.training:
            continue
        if spec.kind == "model":
            yield from _covered(spec.fields)
        else:
            yield spec


def training_values(config: LtxTrainerConfig) -> dict[str, Any]:
    """Value of each covered field, spelled in one way.

    Paths are absolute and parameters complete; an extension at its default, and the LoRA section of a full training,
    say nothing and are left out.
    """
    data = config.model_dump(mode="json")
    values: dict[str, Any] = {}
    for spec in _covered(model_specs()):
        value = _at(data, spec.path)
        if (spec.extension and value == spec.default) or (spec.group == "lora" and _full(config)):
            continue
        values[spec.path] = os.path.abspath(value) if spec.kind == "path" and value is not None else value  # noqa: PTH100
    optimization, matching = config.optimization, config.flow_matching
    values["optimization.scheduler_params"] = resolved_scheduler_params(
        optimization.scheduler_type, optimization.scheduler_params, optimization.steps
    )
    values["flow_matching.timestep_sampling_params"] = resolved_sampling_params(
        matching.timestep_sampling_mode, matching.timestep_sampling_params
    )
    return values


def _full(config: LtxTrainerConfig) -> bool:
    return config.model.training_mode == "full"


def _at(data: Any, path: str) -> Any:
    for name in path.split("."):
        data = data.get(name) if isinstance(data, dict) else None
    return data


def config_fingerprint(config: LtxTrainerConfig) -> str:
    """64 hexadecimal digits, equal for configurations that train the same model from the same files."""
    payload = {"version": _VERSION, "values": training_values(config)}
    return hashlib.sha256(json.dumps(payload, sort_keys=True, separators=(",", ":")).encode()).hexdigest()
