"""The one exception tree of the project.

    WizardError                     exit 1
    ├── UsageError                  exit 2   the command line asks for something impossible
    │   └── ConfigError             exit 2   a configuration file or value is wrong
    ├── DataError                   exit 3   media, prepared data or a checkpoint's content is wrong
    │   └── CheckpointError         exit 3   a model or LoRA file does not hold what it must
    ├── EnvironmentFault            exit 4   disk, lock, memory, permissions, missing device
    │   └── LockedError             exit 4   another process owns the run directory
    ├── NumericError                exit 5   a loss or gradient that is not finite
    └── StopRequested               exit 75  stopped on request; the run can be resumed

Each error says *what* happened, *where* (file, line, column, key), *why* it matters and what to do *next*.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

EXIT_OK = 0
EXIT_BUG = 1
EXIT_USAGE = 2
EXIT_DATA = 3
EXIT_ENVIRONMENT = 4
EXIT_NUMERIC = 5
EXIT_STOPPED = 75
EXIT_SIGINT = 130
EXIT_SIGTERM = 143


@dataclass(frozen=True, slots=True)
class Location:
    """Where an error stands: any part may be unknown."""

    path: Path | None = None
    line: int | None = None
    """1-based."""
    column: int | None = None
    """1-based."""
    key: str | None = None
    """Dotted path inside the file, such as ``optimization.steps``."""

    def __str__(self) -> str:
        place = str(self.path) if self.path else ""
        for number in (self.line, self.column):
            if number is not None:
                place += f":{number}" if place else f"line {number}"
        if self.key:
            place += f" ({self.key})" if place else self.key
        return place


class WizardError(Exception):
    """Base of everything we raise on purpose. ``str(error)`` is the whole message for a person."""

    exit_code: ClassVar[int] = EXIT_BUG

    def __init__(
        self, message: str, *, where: Location | Path | str | None = None, why: str = "", hint: str = ""
    ) -> None:
        super().__init__(message)
        self.message = message
        if isinstance(where, Path):
            where = Location(path=where)
        elif isinstance(where, str):
            where = Location(key=where)
        self.where = where or Location()
        self.why = why
        self.hint = hint

    def __str__(self) -> str:
        place = str(self.where)
        lines = [f"{place}: {self.message}" if place else self.message]
        if self.why:
            lines.append(f"  why:  {self.why}")
        if self.hint:
            lines.append(f"  next: {self.hint}")
        return "\n".join(lines)


class UsageError(WizardError):
    """The command line asks for something impossible."""

    exit_code = EXIT_USAGE


@dataclass(frozen=True, slots=True)
class FieldProblem:
    """One thing wrong with one field of a configuration."""

    path: str
    """Dotted path, list items by index: ``validation.samples[0].prompt``; empty for the whole file."""
    message: str
    hint: str = ""
    line: int | None = None
    column: int | None = None
    value: str = ""
    """What was found, shortened for display."""
    also: tuple[str, ...] = ()
    """Paths of the other fields that take part: changing one of them may mend it too."""


class ConfigError(UsageError):
    """A configuration file or value is wrong; carries every problem found, not only the first."""

    def __init__(
        self,
        message: str,
        *,
        where: Location | Path | str | None = None,
        why: str = "",
        hint: str = "",
        problems: tuple[FieldProblem, ...] = (),
    ) -> None:
        super().__init__(message, where=where, why=why, hint=hint)
        self.problems = problems

    def __str__(self) -> str:
        lines = [super().__str__()]
        for problem in self.problems:
            spot = Location(self.where.path, problem.line, problem.column, problem.path or None)
            lines.append(f"  - {spot}: {problem.message}" if str(spot) else f"  - {problem.message}")
            if problem.hint:
                lines.append(f"      next: {problem.hint}")
        return "\n".join(lines)


class DataError(WizardError):
    """Media, prepared data or a checkpoint's content is wrong."""

    exit_code = EXIT_DATA


class CheckpointError(DataError):
    """A model, LoRA or training-state file does not hold what it must."""


class EnvironmentFault(WizardError):  # noqa: N818 - EnvironmentError is a builtin
    """Disk, memory, permissions or a device stand in the way."""

    exit_code = EXIT_ENVIRONMENT


class LockedError(EnvironmentFault):
    """Another process owns the run directory."""


class NumericError(WizardError):
    """A loss or gradient is not finite."""

    exit_code = EXIT_NUMERIC


class StopRequested(WizardError):  # noqa: N818 - a wish, not an error
    """Stopped on request after saving; the run can be resumed."""

    exit_code = EXIT_STOPPED
