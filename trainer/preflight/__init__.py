"""Preflight: what keeps a run from succeeding, found in seconds and without torch."""

from trainer.preflight.check import check, check_file
from trainer.preflight.modules import linear_modules, match_targets, module_names
from trainer.preflight.problem import CheckReport, Problem

__all__ = [
    "CheckReport",
    "Problem",
    "check",
    "check_file",
    "linear_modules",
    "match_targets",
    "module_names",
]
