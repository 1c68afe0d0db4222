"""Counts of blocks within the model, and settings that do nothing."""

from __future__ import annotations

import pytest

from tests.trainer.preflight.world import World, codes, only

CHECKPOINTING = "optimization.enable_gradient_checkpointing"


@pytest.mark.parametrize("name", ["blocks_to_swap", "blocks_to_recompute"])
def test_more_blocks_than_there_are(world: World, name: str) -> None:
    found = only(world.check(f"acceleration.{name}=3"), "more-blocks-than-there-are")
    assert (found.severity, found.path, found.message) == ("error", f"acceleration.{name}", "3 of 2 blocks")
    for good in (0, 2, "auto"):
        assert "more-blocks-than-there-are" not in codes(world.check(f"acceleration.{name}={good}"))


def test_swapping_as_few_as_there_are_places(world: World) -> None:
    for count in (1, 2):
        found = only(world.check(f"acceleration.blocks_to_swap={count}"), "swap-saves-nothing")
        assert found.severity == "warning"
    for other in (0, 3, "auto"):
        assert "swap-saves-nothing" not in codes(world.check(f"acceleration.blocks_to_swap={other}"))


def test_recomputing_without_checkpointing(world: World) -> None:
    def told(*changes: str) -> bool:
        return "recompute-not-heeded" in codes(world.check(*changes), "info")

    some = "acceleration.blocks_to_recompute=1"
    assert told(some, f"{CHECKPOINTING}=false")
    assert not told(some, f"{CHECKPOINTING}=true")
    assert not told(f"{CHECKPOINTING}=false")
