"""The preflight: everything that can be known about a run before anything large is loaded."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final

from schemas.errors import EXIT_ENVIRONMENT, ConfigError
from schemas.loading import load_config
from trainer.preflight import (
    rules_blocks,
    rules_conditions,
    rules_dataset,
    rules_held_out,
    rules_machine,
    rules_media,
    rules_model,
    rules_output,
    rules_prepared,
    rules_references,
    rules_start,
    rules_targets,
    rules_text_encoder,
    rules_training,
    rules_validation,
)
from trainer.preflight.facts import Facts
from trainer.preflight.problem import CheckReport, Problem, error, from_config_error, info

if TYPE_CHECKING:
    from presets.memory import Card
    from schemas import ConfigDocument, LtxTrainerConfig

Rule = Callable[[Facts], Iterator[Problem]]

DATA_RULES: Final[tuple[Rule, ...]] = (
    rules_dataset.presence,
    rules_dataset.contents,
    rules_dataset.agreement,
    rules_references.factors,
    rules_dataset.batches,
    rules_conditions.conditions,
    rules_validation.modalities,
    rules_media.media,
    rules_held_out.held_out,
)
"""Whether samples, conditions and what they need belong together. The trainer asks these again before it writes."""

RULES: Final[tuple[Rule, ...]] = (
    rules_model.model_file,
    rules_model.model_parts,
    rules_model.latent_channels,
    rules_model.gradient_checkpointing,
    rules_text_encoder.text_encoder,
    rules_targets.targets,
    rules_targets.stg_blocks,
    rules_blocks.blocks,
    rules_start.start_weights,
    *DATA_RULES,
    rules_dataset.lengths,
    rules_prepared.made_with,
    rules_validation.schedule,
    rules_validation.parts,
    rules_validation.geometry,
    rules_output.directory,
    rules_output.earlier_run,
    rules_output.disk_space,
    rules_training.learning_rate,
    rules_training.scheduler,
    rules_training.precision,
    rules_machine.precision,
    rules_machine.quantization,
    rules_machine.text_encoder,
    rules_training.saving,
    rules_training.wandb,
    rules_training.hub,
)
_ORDER: Final = {"error": 0, "warning": 1, "info": 2}


def check(
    config: LtxTrainerConfig,
    document: ConfigDocument | None = None,
    *,
    config_path: Path | None = None,
    card: Card | None = None,
) -> CheckReport:
    """Run every rule on a valid configuration; errors come first, then warnings, then information.

    Reads headers, directory listings and descriptions of prepared files, never a weight. With the ``document`` each
    problem knows the line of its setting; ``config_path`` says which file that is. The run has to fit ``card``, or the
    one of this machine.
    """
    facts = Facts(config, config_path or (document.path if document else None))
    return _report(facts, (*RULES, partial(rules_machine.memory, card=card)), document)


def check_data(config: LtxTrainerConfig) -> CheckReport:
    """The part of the check that is about samples and conditions, with every sample opened."""
    return _report(Facts(config, every_sample=True), DATA_RULES, None)


def _report(facts: Facts, rules: tuple[Rule, ...], document: ConfigDocument | None) -> CheckReport:
    found = [_located(problem, document) for rule in rules for problem in _run(rule, facts)]
    return CheckReport(tuple(sorted(found, key=lambda problem: _ORDER[problem.severity])))


def _run(rule: Rule, facts: Facts) -> Iterator[Problem]:
    """A rule's problems; a file system that refuses to answer is one of them, and the other rules still run."""
    try:
        yield from rule(facts)
    except OSError as fault:
        place = f"{fault.filename}: " if fault.filename else ""
        message = f"{place}{fault.strerror or fault}"
        yield error("cannot-be-read", "", message, "check permissions and the disk", exit_code=EXIT_ENVIRONMENT)


def _located(problem: Problem, document: ConfigDocument | None) -> Problem:
    spot = document.position(problem.path) if document is not None and problem.path else None
    return replace(problem, line=spot[0]) if spot else problem


def check_file(path: Path, card: Card | None = None) -> CheckReport:
    """Check a configuration file; what makes it unreadable or invalid is reported as problems too."""
    try:
        loaded = load_config(path)
    except ConfigError as found:
        return CheckReport(tuple(from_config_error(found)))
    notes = tuple(info("config-note", "", str(note)) for note in loaded.notes)
    report = check(loaded.config, loaded.document, config_path=path, card=card)
    return CheckReport((*report.problems, *notes))
