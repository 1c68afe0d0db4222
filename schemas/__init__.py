"""What can be configured: models, metadata, reading, writing, comparing. Imports nothing else of this project."""

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
