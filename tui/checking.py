"""The preflight as the commands and the wizard use it: load, check, and say what was found."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from schemas import LtxTrainerConfig, load_config, validate
from trainer.preflight import CheckReport, check


@dataclass(frozen=True, slots=True)
class Checked:
    """A configuration that could be read, and everything the preflight has to say about it."""

    path: Path | None
    config: LtxTrainerConfig
    report: CheckReport
    notes: tuple[str, ...]
    """What was migrated while reading, and what is deprecated."""

    def lines(self) -> Iterator[str]:
        """Notes, errors and warnings for a person, worst first; mere information is for `check`."""
        for note in self.notes:
            yield f"note: {note}"
        for problem in self.report.problems:
            if problem.severity == "info":
                continue
            place = f"{problem.path}: " if problem.path else ""
            yield f"{problem.severity}: {place}{problem.message} [{problem.code}]"
            if problem.hint:
                yield f"  next: {problem.hint}"


def check_file(path: Path) -> Checked:
    """Read and check a configuration. Raises ConfigError when it cannot even be read."""
    loaded = load_config(path)
    report = check(loaded.config, loaded.document, config_path=path)
    return Checked(path, loaded.config, report, tuple(str(note) for note in loaded.notes))


def check_data(data: Mapping[str, Any], path: Path | None) -> Checked:
    """Check a configuration that need not be saved; ``path`` is where it will be. Raises ConfigError when invalid."""
    config = validate(copy.deepcopy(dict(data)))
    return Checked(path, config, check(config, config_path=path), ())
