"""What a check found, as the error that a process ends with."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from schemas.errors import EXIT_DATA, EXIT_ENVIRONMENT, ConfigError, DataError, EnvironmentFault, WizardError
from trainer.preflight.check import check_data
from trainer.preflight.problem import CheckReport

if TYPE_CHECKING:
    from schemas import LtxTrainerConfig

_KINDS: Final[dict[int, type[WizardError]]] = {EXIT_DATA: DataError, EXIT_ENVIRONMENT: EnvironmentFault}


def demand_sound_data(config: LtxTrainerConfig) -> None:
    """Raise one error that lists everything wrong with samples and conditions; every sample is looked at.

    It is a DataError, unless the configuration itself has to change (ConfigError) or a disk does not answer.
    """
    report = check_data(config)
    if not report.ok:
        raise refusal(report, "the data and this configuration do not go together")


def refusal(report: CheckReport, message: str) -> WizardError:
    """The error of a report that is not ok, with all its errors as a table."""
    return _KINDS.get(report.exit_code, ConfigError)("\n".join([f"{message}:", *_table(report)]))


def _table(report: CheckReport) -> Iterator[str]:
    for problem in report.problems:
        if problem.severity == "error":
            yield f"  {problem.path}: {problem.message} [{problem.code}]"
            if problem.hint:
                yield f"      next: {problem.hint}"
