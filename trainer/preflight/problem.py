"""What the preflight finds, as plain data."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, Literal

from schemas.errors import EXIT_OK, EXIT_USAGE, ConfigError, Location, WizardError

Severity = Literal["error", "warning", "info"]


@dataclass(frozen=True, slots=True)
class Problem:
    """One finding. ``code`` is stable and for programs; ``path`` is the setting it is about, "" for the whole file."""

    code: str
    severity: Severity
    path: str
    message: str
    hint: str = ""
    exit_code: int = EXIT_USAGE
    """What an error ends the command with; without meaning for warnings."""
    line: int | None = None
    """Line of the setting in the configuration file, when there is one."""

    def as_json(self) -> dict[str, str]:
        return {
            "code": self.code,
            "severity": self.severity,
            "path": self.path,
            "message": self.message,
            "hint": self.hint,
        }


@dataclass(frozen=True, slots=True)
class CheckReport:
    """Everything found, errors first."""

    problems: tuple[Problem, ...]

    @property
    def ok(self) -> bool:
        """No error; warnings do not keep a run from starting."""
        return not any(problem.severity == "error" for problem in self.problems)

    @property
    def exit_code(self) -> int:
        """0, or the lowest code among the errors."""
        codes = [problem.exit_code for problem in self.problems if problem.severity == "error"]
        return min(codes, default=EXIT_OK)

    def as_json(self) -> dict[str, Any]:
        return {"ok": self.ok, "problems": [problem.as_json() for problem in self.problems]}


def error(code: str, path: str, message: str, hint: str = "", *, exit_code: int = EXIT_USAGE) -> Problem:
    return Problem(code, "error", path, message, hint, exit_code)


def warning(code: str, path: str, message: str, hint: str = "") -> Problem:
    return Problem(code, "warning", path, message, hint)


def info(code: str, path: str, message: str, hint: str = "") -> Problem:
    return Problem(code, "info", path, message, hint)


def from_error(found: WizardError, code: str, path: str, severity: Severity = "error") -> Problem:
    """An exception of a reader as a problem of the setting that led to the file."""
    place = str(Location(found.where.path, found.where.line))
    message = f"{place}: {found.message}" if place else found.message
    if found.why:
        message += f" ({found.why})"
    return Problem(code, severity, path, message, found.hint, found.exit_code)


def from_config_error(found: ConfigError) -> Iterator[Problem]:
    """Every field problem of a configuration that could not be read, with its line."""
    if not found.problems:
        where = Location(found.where.path, found.where.line, found.where.column)
        yield error("config-unreadable", found.where.key or "", f"{where}: {found.message}", found.hint)
    for problem in found.problems:
        line = f"line {problem.line}: " if problem.line else ""
        plain = error("config-invalid", problem.path, f"{line}{problem.message}", problem.hint)
        yield replace(plain, line=problem.line)
