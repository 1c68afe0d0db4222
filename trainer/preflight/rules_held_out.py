"""What the validation loss is measured on: samples that exist, and enough left to train on."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from schemas.errors import EXIT_DATA
from trainer.preflight import rules_conditions, rules_dataset
from trainer.preflight.facts import Facts, sound
from trainer.preflight.problem import Problem, error, info

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
    """What stands in the way of training on this data stands in the way of measuring on it."""
    root = facts.config.validation.loss_data_root
    assert root is not None
    data = facts.config.data.model_copy(update={"preprocessed_data_root": str(root)})
    other = Facts(facts.config.model_copy(update={"data": data}), every_sample=facts.every_sample)
    for rule in (
        rules_dataset.presence,
        rules_dataset.contents,
        rules_dataset.agreement,
        rules_conditions.conditions,
    ):
        for found in rule(other):
            if found.severity == "error":
                told = f"{root}: {found.message}" if str(root) not in found.message else found.message
                yield replace(found, code=_CODE, path=field, message=told)
