"""JSON Schema of a configuration: what editors check and complete while a person types."""

from __future__ import annotations

from typing import Any, Final

from pydantic import BaseModel

from schemas.config import LtxTrainerConfig
from schemas.legacy_keys import LEGACY_STRATEGIES, LegacyValidationKeys

_DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"


def json_schema(model: type[BaseModel] = LtxTrainerConfig) -> dict[str, Any]:
    """The schema of a model as plain JSON; that of the whole configuration accepts the keys of both generations."""
    schema = model.model_json_schema()
    if model is LtxTrainerConfig:
        _accept_older_keys(schema)
    return {"$schema": _DIALECT, "title": model.__name__, **{k: v for k, v in schema.items() if k != "title"}}


def _accept_older_keys(schema: dict[str, Any]) -> None:
    definitions = schema["$defs"]
    older = LegacyValidationKeys.model_json_schema()
    definitions["ValidationConfig"]["properties"].update(older["properties"])
    definitions.update(older.get("$defs", {}))
    names = [model.__name__ for model in LEGACY_STRATEGIES.values()]
    for name, model in zip(names, LEGACY_STRATEGIES.values(), strict=True):
        definitions[name] = {**model.model_json_schema(), "deprecated": True}
    current = schema["properties"]["training_strategy"]
    words = {key: current.pop(key) for key in ("title", "description", "default") if key in current}
    references = [{"$ref": f"#/$defs/{name}"} for name in ("FlexibleStrategyConfig", *names)]
    schema["properties"]["training_strategy"] = {**words, "anyOf": references}
