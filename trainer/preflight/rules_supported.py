"""What a configuration may ask for and this version of the trainer cannot do yet.

The trainer refuses each of these when it starts; a test holds the lists here equal to what it really refuses.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from trainer.preflight.facts import Facts
from trainer.preflight.problem import Problem, error

VALIDATION_CONDITIONS: Final[frozenset[str]] = frozenset()
"""Types of validation conditions that are applied."""
QUANTIZATION: Final = False
CODE: Final = "not-supported-yet"


def supported(facts: Facts) -> Iterator[Problem]:
    """Validation conditions and quantization that the trainer would refuse."""
    for number, sample in enumerate(facts.config.validation.samples if facts.validates else []):
        for index, kind in enumerate(condition.type for condition in sample.conditions):
            if kind not in VALIDATION_CONDITIONS:
                path = f"validation.samples[{number}].conditions[{index}]"
                yield error(CODE, path, f"validation with the condition {kind} is not supported yet", "delete it")
    if facts.config.acceleration.quantization is not None and not QUANTIZATION:
        yield error(
            CODE,
            "acceleration.quantization",
            "quantization is not supported yet",
            "set it to null; gradient checkpointing and adamw8bit save memory too",
        )
