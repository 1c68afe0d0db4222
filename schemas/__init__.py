"""What can be configured: models, metadata, reading, writing, comparing. Imports nothing else of this project.

The names below are loaded when they are first used: every command imports ``schemas.errors``, and building the models
takes longer than most commands do.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from schemas.config import LtxTrainerConfig
    from schemas.document import ConfigDocument
    from schemas.errors import ConfigError, FieldProblem
    from schemas.legacy import Note
    from schemas.loading import LoadedConfig, load_config
    from schemas.problems import field_problems, validate
    from schemas.rendering import render_yaml

__all__ = [
    "ConfigDocument",
    "ConfigError",
    "FieldProblem",
    "LoadedConfig",
    "LtxTrainerConfig",
    "Note",
    "field_problems",
    "load_config",
    "render_yaml",
    "validate",
]

_MODULES: Final = {
    "ConfigDocument": "document",
    "ConfigError": "errors",
    "FieldProblem": "errors",
    "LoadedConfig": "loading",
    "LtxTrainerConfig": "config",
    "Note": "legacy",
    "field_problems": "problems",
    "load_config": "loading",
    "render_yaml": "rendering",
    "validate": "problems",
}


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)
    globals()[name] = value
    return value
