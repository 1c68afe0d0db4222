"""Blocks that are swapped and recomputed: as many as there are, and where it gains something."""

from __future__ import annotations

from collections.abc import Iterator

from presets.memory.run import SWAP_SLOTS
from trainer.preflight.facts import Facts
from trainer.preflight.problem import Problem, error, info, warning

_SWAP = "acceleration.blocks_to_swap"
_RECOMPUTE = "acceleration.blocks_to_recompute"


def blocks(facts: Facts) -> Iterator[Problem]:
    """Counts within the model, and settings that do nothing as they are."""
    acceleration, checkpoint = facts.config.acceleration, facts.sound_checkpoint
    layers = None if checkpoint is None else checkpoint.section("transformer").get("num_layers")
    if isinstance(layers, int):
        for path, count in ((_SWAP, acceleration.blocks_to_swap), (_RECOMPUTE, acceleration.blocks_to_recompute)):
            if isinstance(count, int) and count > layers:
                yield error("more-blocks-than-there-are", path, f"{count} of {layers} blocks", f"at most {layers}")
    if acceleration.blocks_to_swap in range(1, SWAP_SLOTS + 1):
        yield warning(
            "swap-saves-nothing",
            _SWAP,
            f"swapped blocks share {SWAP_SLOTS} places on the card: {acceleration.blocks_to_swap} swapped save nothing",
            f"swap at least {SWAP_SLOTS + 1}, or 0",
        )
    if acceleration.blocks_to_recompute != "all" and not facts.config.optimization.enable_gradient_checkpointing:
        yield info(
            "recompute-not-heeded",
            _RECOMPUTE,
            "no block recomputes while gradient checkpointing is off",
            "set optimization.enable_gradient_checkpointing to true",
        )
