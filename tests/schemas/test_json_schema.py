"""The JSON Schema accepts what we read; checked with a small validator of the keywords it uses."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from schemas import load_config
from schemas.json_schema import json_schema
from schemas.prepare import PrepareOptions
from tests.schemas.samples import CURRENT, SEED_ERA, smallest

SCHEMA = json_schema()
_TYPES: dict[str, Any] = {
    "object": dict,
    "array": list,
    "string": str,
    "integer": int,
    "number": (int, float),
    "boolean": bool,
    "null": type(None),
}


def errors(value: Any, schema: dict[str, Any], path: str = "$") -> Iterator[str]:
    if "$ref" in schema:
        yield from errors(value, SCHEMA["$defs"][schema["$ref"].rsplit("/", 1)[-1]], path)
    for word in ("anyOf", "oneOf"):
        if word in schema and not any(not list(errors(value, option, path)) for option in schema[word]):
            yield f"{path}: none of {word}"
    kind = schema.get("type")
    if kind and (not isinstance(value, _TYPES[kind]) or (isinstance(value, bool) and kind in ("integer", "number"))):
        yield f"{path}: not {kind}"
        return
    yield from _scalar_errors(value, schema, path)
    if isinstance(value, dict):
        yield from _object_errors(value, schema, path)
    if isinstance(value, list):
        yield from _list_errors(value, schema, path)


def _scalar_errors(value: Any, schema: dict[str, Any], path: str) -> Iterator[str]:
    if "const" in schema and value != schema["const"]:
        yield f"{path}: not {schema['const']}"
    if "enum" in schema and value not in schema["enum"]:
        yield f"{path}: not in {schema['enum']}"
    if isinstance(value, int | float):
        if value < schema.get("minimum", value) or value > schema.get("maximum", value):
            yield f"{path}: out of bounds"
        if "exclusiveMinimum" in schema and value <= schema["exclusiveMinimum"]:
            yield f"{path}: out of bounds"


def _list_errors(value: list[Any], schema: dict[str, Any], path: str) -> Iterator[str]:
    if not schema.get("minItems", 0) <= len(value) <= schema.get("maxItems", len(value)):
        yield f"{path}: length"
    for place, item in enumerate(value):
        prefix = schema.get("prefixItems", [])
        inner = prefix[place] if place < len(prefix) else schema.get("items", {})
        yield from errors(item, inner, f"{path}[{place}]")


def _object_errors(value: dict[str, Any], schema: dict[str, Any], path: str) -> Iterator[str]:
    properties = schema.get("properties", {})
    for key in schema.get("required", []):
        if key not in value:
            yield f"{path}: {key} missing"
    for key, item in value.items():
        if key in properties:
            yield from errors(item, properties[key], f"{path}.{key}")
        elif schema.get("additionalProperties") is False:
            yield f"{path}: {key} unknown"


@pytest.mark.parametrize("path", [SEED_ERA, CURRENT])
def test_files_of_both_generations_pass(path: Any) -> None:
    assert list(errors(load_config(path).document.data(), SCHEMA)) == []


def test_older_strategies_pass() -> None:
    assert list(errors(smallest(training_strategy={"name": "video_to_video"}), SCHEMA)) == []


WRONG = [
    smallest(seed=-1),
    smallest(lora={"rank": 1}),
    smallest(lora={"rnk": 8}),
    smallest(optimization={"steps": True}),
    smallest(optimization={"learning_rate": 0}),
    smallest(training_strategy={"name": "flexible", "vdeo": {}}),
    smallest(validation={"samples": [{"prompt": "a", "conditions": [{"type": "mask", "video": "a"}]}]}),
    smallest(validation={"video_dims": [1, 2]}),
    {"lora": {}},
]


@pytest.mark.parametrize("data", WRONG)
def test_wrong_files_do_not_pass(data: dict[str, Any]) -> None:
    assert list(errors(data, SCHEMA))


def test_it_is_plain_json_with_words_for_editors() -> None:
    assert json.loads(json.dumps(SCHEMA)) == SCHEMA
    rank = SCHEMA["$defs"]["LoraConfig"]["properties"]["rank"]
    assert rank["minimum"] == 2
    assert "memory: " in rank["description"]
    assert rank["x-wizard"]["recommended"] == 32
    assert SCHEMA["$defs"]["ValidationConfig"]["properties"]["guidance_scale"]["deprecated"] is True
    assert "resolution_buckets" in json_schema(PrepareOptions)["properties"]
