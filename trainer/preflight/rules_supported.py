"""What a configuration may ask for and this version of the trainer cannot do yet.

The trainer refuses each of these when it starts; a test holds what is said here equal to what it really refuses.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from trainer.preflight.facts import Facts
from trainer.preflight.problem import Problem, error

QUANTIZATION: Final = False
CODE: Final = "not-supported-yet"


def supported(facts: Facts) -> Iterator[Problem]:
    """Quantization that the trainer would refuse."""
    if facts.config.acceleration.quantization is not None and not QUANTIZATION:
        yield error(
            CODE,
            "acceleration.quantization",
            "quantization is not supported yet",
            "set it to null; gradient checkpointing and adamw8bit save memory too",
        )
