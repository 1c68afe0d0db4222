"""``--set a.b=VALUE``: changes of single fields from the command line."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Mapping
from typing import Any, Final

from pydantic import BaseModel

from schemas.config import LtxTrainerConfig
from schemas.errors import ConfigError
from schemas.fieldspec import FieldSpec
from schemas.nodes import parse
from schemas.paths import parse_path, set_in
from schemas.spec import find

_TEXTUAL: Final = ("str", "text", "path", "choice")


def apply(
    data: Mapping[str, Any], assignments: Iterable[str], model: type[BaseModel] = LtxTrainerConfig
) -> dict[str, Any]:
    """A copy of ``data`` with each ``path=value`` set, in order.

    Values are YAML (``20``, ``[576, 576, 49]``, ``{type: prefix, temporal_boundary: 3}``), for text fields the
    characters as they are. Raises ConfigError for an unknown field or a value that is not YAML; whether the result is
    valid is left to ``validate``.
    """
    result: dict[str, Any] = copy.deepcopy(dict(data))
    for assignment in assignments:
        path, equals, text = assignment.partition("=")
        path = path.strip()
        if not equals:
            raise ConfigError(f"{assignment!r} sets nothing", hint="write it as optimization.steps=2000")
        spec = find(path, model)
        if spec.deprecated:
            raise ConfigError(f"{path} is an older key", where=path, hint=f"set {spec.deprecated}")
        set_in(result, parse_path(path), value_of(spec, text))
    return result


def value_of(spec: FieldSpec, text: str) -> Any:
    """What ``text``, typed for a field, means; raises ConfigError when it is not YAML."""
    stripped = text.strip()
    if spec.kind in _TEXTUAL and not stripped.startswith(('"', "'")):
        return None if spec.nullable and stripped in ("null", "~", "") else text
    try:
        node = parse(stripped)
    except ConfigError as error:
        hint = "put the whole of it in quotes for the shell"
        raise ConfigError(f"{stripped!r} is not YAML: {error.message}", where=spec.path, hint=hint) from error
    return node.data() if node else None
