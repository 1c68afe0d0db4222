"""From a file to a validated configuration."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from schemas.config import LtxTrainerConfig
from schemas.document import ConfigDocument
from schemas.legacy import Note, migrate
from schemas.problems import config_error, field_problems, validate


@dataclass(frozen=True, slots=True)
class LoadedConfig:
    """A configuration file that was read."""

    config: LtxTrainerConfig
    document: ConfigDocument
    notes: tuple[Note, ...]
    """What was read in older spellings."""


def load_config(path: Path | str) -> LoadedConfig:
    """Read a configuration file of either generation.

    Raises ConfigError: for text that is no YAML with its line and column, for wrong values with every problem and
    the line of each. Files the configuration names are not looked for.
    """
    document = ConfigDocument.read(path)
    data = document.data()
    problems = field_problems(data)
    if problems:
        raise config_error(document.located(problems), where=Path(path))
    return LoadedConfig(validate(data), document, tuple(migrate(data).notes))
