"""What is wrong with a configuration, field by field."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError

from schemas.config import LtxTrainerConfig
from schemas.errors import ConfigError, FieldProblem
from schemas.legacy import migrate
from schemas.wording import problems_of


def validate(data: Mapping[str, Any]) -> LtxTrainerConfig:
    """The configuration ``data`` means; raises ConfigError carrying every problem found."""
    config, problems = _try(data)
    if config is None:
        raise config_error(problems)
    return config


def field_problems(data: Mapping[str, Any], model: type[BaseModel] = LtxTrainerConfig) -> tuple[FieldProblem, ...]:
    """Everything wrong with ``data``; empty when it is valid. Cheap enough for every key press."""
    if model is LtxTrainerConfig:
        return _try(data)[1]
    try:
        model.model_validate(data)
    except ValidationError as error:
        return tuple(problems_of(error, model))
    return ()


def config_error(problems: tuple[FieldProblem, ...], where: Path | None = None) -> ConfigError:
    """One error for all problems."""
    count = f"{len(problems)} problem{'' if len(problems) == 1 else 's'}"
    return ConfigError(f"{count} in the configuration", where=where, problems=problems)


def _try(data: Mapping[str, Any]) -> tuple[LtxTrainerConfig | None, tuple[FieldProblem, ...]]:
    migration = migrate(data)
    problems = list(migration.problems)
    config = None
    try:
        config = LtxTrainerConfig.model_validate(migration.data)
    except ValidationError as error:
        for problem in problems_of(error, LtxTrainerConfig):
            path, *also = (migration.origins.get(one, one) for one in (problem.path, *problem.also))
            problems.append(replace(problem, path=path, also=tuple(also)))
    unique = {(problem.path, problem.message): problem for problem in problems}
    return (None if unique else config), tuple(unique.values())
