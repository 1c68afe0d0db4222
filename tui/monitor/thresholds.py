"""From where on a curve counts as what; explained in ``docs/verdicts.md``, which a test holds to these numbers."""

from __future__ import annotations

from typing import Final

EARLY_STEPS: Final = 60
"""Fewer steps than this say nothing about the loss."""
SHARE: Final = 1 / 3
"""Part of the run that is looked at for a trend, the newest one."""
LEAST_WINDOW: Final = 100
"""Steps that are looked at at least, where there are so many."""
SETTLING: Final = 20
"""Steps at the start of a run whose fall says little about what follows."""
CERTAIN: Final = 3.0
"""Standard errors from which on a trend counts as one."""
SMALL: Final = 0.02
"""Change of the loss over the window below which it counts as flat."""
DIVERGED: Final = 1.5
"""The newest losses over the lowest stretch of the run."""
SETBACK: Final = 1.1
"""The same, when it is certain, for a loss that is worse than it was."""
SURE: Final = 5.0
"""Standard errors that make that certain; the best of many stretches is lower by chance already."""
GRADIENT_JUMP: Final = 20.0
"""The newest gradient norms over those of the run."""
RECENT: Final = 50
"""Steps that count as recent."""
MEMORY_EDGE: Final = 0.95
"""Reserved share of the card's memory."""
HOST_EDGE: Final = 0.05
"""Share of the trainer's own host memory that must stay free beside it."""
WAITING: Final = 0.2
"""Share of a step spent waiting for data."""
UNTRAINED: Final = 1e-9
"""Root mean square of the LoRA's change of the weights below which it counts as none."""
OVERFIT: Final = 0.05
"""Rise of the validation loss above its lowest value, while the training loss falls."""
