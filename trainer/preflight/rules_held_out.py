"""What the validation loss is measured on: samples that exist, and enough left to train on."""

from __future__ import annotations

from collections.abc import Iterator

from schemas.errors import EXIT_DATA, WizardError
from trainer.files.dataset import DatasetIndex
from trainer.preflight.facts import Facts, sound
from trainer.preflight.problem import Problem, error, from_error, info

_CODE = "validation-loss-data"


def held_out(facts: Facts) -> Iterator[Problem]:
    """Held-out samples and the data named for the loss."""
    validation = facts.config.validation
    index = sound(facts.index)
    if index is not None and validation.loss_holdout and validation.loss_holdout >= len(index.samples):
        yield error(
            _CODE,
            "validation.loss_holdout",
            f"{validation.loss_holdout} of {len(index.samples)} samples are held out: none is left to train on",
            "hold out fewer, or name other prepared data in validation.loss_data_root",
            exit_code=EXIT_DATA,
        )
    if validation.loss_interval is None:
        if validation.loss_holdout:
            yield info(_CODE, "validation.loss_holdout", "samples are held out and nothing is measured on them")
    elif validation.loss_data_root is not None:
        yield from _other_data(facts, "validation.loss_data_root")


def _other_data(facts: Facts, field: str) -> Iterator[Problem]:
    root = facts.config.validation.loss_data_root
    assert root is not None
    try:
        found = DatasetIndex.build(root, {source.role: source.directory for source in facts.sources})
    except WizardError as fault:
        yield from_error(fault, _CODE, field)
        return
    if not found.samples:
        yield error(_CODE, field, f"{root}: no sample is complete", "run prepare", exit_code=EXIT_DATA)
