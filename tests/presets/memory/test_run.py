"""Target patterns and adapter sizes."""

from __future__ import annotations

from dataclasses import replace

import pytest

from presets.memory import PUBLISHED, RunShape
from presets.memory.run import adapters
from presets.memory.shapes import layout

ALL_FOUR = ("to_k", "to_q", "to_v", "to_out.0")
VIDEO_8 = tuple(f"{attention}.{name}" for attention in ("attn1", "attn2") for name in ALL_FOUR)
RUN = RunShape(2268, 51)


@pytest.mark.parametrize(
    ("targets", "rank", "parameters"),
    [
        (ALL_FOUR, 16, 106_954_752),
        (ALL_FOUR, 32, 213_909_504),
        (ALL_FOUR, 64, 427_819_008),
        (VIDEO_8, 32, 100_663_296),
        ((*VIDEO_8, "ff.net.0.proj", "ff.net.2"), 32, 163_577_856),
    ],
)
def test_known_totals(targets: tuple[str, ...], rank: int, parameters: int) -> None:
    found = adapters(layout(PUBLISHED["2.3"]), replace(RUN, targets=targets, rank=rank))
    assert found.parameters == parameters


def test_a_pattern_ends_at_a_dot() -> None:
    found = adapters(layout(PUBLISHED["2.0"]), replace(RUN, targets=("attn1.to_k",)))
    assert found.block == {"attn1.to_k"}


def test_a_numbered_pattern_matches_one_block() -> None:
    plan = layout(PUBLISHED["2.3"])
    one = adapters(plan, replace(RUN, rank=8, targets=("transformer_blocks.3.attn1.to_k",)))
    short = adapters(plan, replace(RUN, rank=8, targets=("3.attn1.to_k",)))
    assert one.parameters == short.parameters == 8 * 2 * 4096
    mixed = adapters(plan, replace(RUN, rank=8, targets=("3.attn1.to_k", "attn2.to_k")))
    assert mixed.parameters == 49 * 8 * 2 * 4096
    assert mixed.block == {"attn1.to_k", "attn2.to_k"}


def test_root_layers_count_too() -> None:
    plan = layout(PUBLISHED["2.3"])
    assert adapters(plan, replace(RUN, rank=4, targets=("proj_out",))).parameters == 4 * (4096 + 128)
