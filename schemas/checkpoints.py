"""``checkpoints``: what is saved, when, and what is kept."""

from __future__ import annotations

from typing import Literal

from schemas.setting import Section, setting

SavePrecision = Literal["bfloat16", "float32"]
StatePolicy = Literal["full", "minimal", "off"]


class CheckpointsConfig(Section):
    """Saving and resuming."""

    interval: int | None = setting(
        None,
        title="Save every",
        text="Optimizer steps between two saves; null saves only at the end",
        ge=1,
        recommended=250,
        unit="steps",
        quality="an interruption loses at most this many steps",
        training=False,
    )
    keep_last_n: int = setting(
        1,
        title="Keep",
        text="How many of the newest saves are kept; 0 and -1 keep all",
        ge=-1,
        recommended=3,
        unit="saves",
        training=False,
    )
    precision: SavePrecision = setting(
        "bfloat16",
        title="File precision",
        text="Number format of the published weights; it does not touch the training",
        recommended="bfloat16",
        advanced=True,
        training=False,
    )
    no_resume: bool = setting(
        False,
        title="Never resume",
        text="Ignore saved training state and start from step 0; model.load_checkpoint is still loaded",
        advanced=True,
        training=False,
    )
    save_training_state: StatePolicy = setting(
        "minimal",
        title="Training state",
        text="What is saved beside the weights to go on later: full adds the optimizer state, minimal leaves it out, "
        "off saves nothing",
        recommended="full",
        quality="only full goes on as if nothing had happened",
        training=False,
    )
