from __future__ import annotations

import pytest

from trainer.preflight.modules import match_targets
from tui.targets.modules import published_modules
from tui.targets.selection import (
    chosen,
    group_patterns,
    patterns_for,
    place_of,
    reached,
    size_of,
    toggled,
    with_feed_forward,
)
from tui.targets.tree import Node, build, lines, mark

MODULES = published_modules()
NAMES = tuple(module.name for module in MODULES)
SHORT = ["to_k", "to_q", "to_v", "to_out.0"]
TREE = build(NAMES)


def _node(node_id: str) -> Node:
    above = {node_id.rsplit("/", times)[0] for times in range(1, node_id.count("/") + 1)}
    return next(node for node in lines(TREE, above) if node.id == node_id)


def test_sizes_follow_the_published_arithmetic() -> None:
    """139,264 r per block for the short list, 65,536 r for video attention and 40,960 r for its feed-forward."""
    assert size_of(MODULES, chosen(SHORT, NAMES), 16).parameters == 139_264 * 48 * 16
    video = group_patterns("video")
    assert size_of(MODULES, chosen(video, NAMES), 1).parameters == 65_536 * 48
    both = with_feed_forward(video, NAMES)
    assert size_of(MODULES, chosen(both, NAMES), 1).parameters == (65_536 + 40_960) * 48
    size = size_of(MODULES, chosen(SHORT, NAMES), 32)
    assert size.file_bytes == 2 * 139_264 * 48 * 32
    assert size.training_bytes("adamw") == 16 * size.parameters
    assert size.training_bytes("adamw8bit") == 10 * size.parameters


def test_short_patterns_reach_every_attention() -> None:
    assert reached("to_k", NAMES) == dict.fromkeys(
        ["attn1", "attn2", "audio_attn1", "audio_attn2", "audio_to_video_attn", "video_to_audio_attn"], 48
    )
    assert reached("attn1.to_k", NAMES) == {"attn1": 48}


@pytest.mark.parametrize("node_id", ["video", "video/attn1", "video/attn1/to_k", "video/attn1/to_k/3", "audio"])
@pytest.mark.parametrize("before", [SHORT, ["attn1.to_k"], []])
def test_switching_a_part_changes_that_part_and_nothing_else(node_id: str, before: list[str]) -> None:
    node, now = _node(node_id), chosen(before, NAMES)
    after = toggled(node.names, before, NAMES)
    assert chosen(after, NAMES) - node.names == now - node.names
    inside = chosen(after, NAMES) & node.names
    assert inside in (frozenset(), frozenset(name for name in node.names if "gate" not in name))
    assert all(match_targets(after, NAMES).values()), "no pattern without a hit is made"
    again = toggled(node.names, after, NAMES)
    assert (chosen(again, NAMES) & node.names == frozenset()) != (inside == frozenset())


def test_patterns_stay_short_where_they_can_and_what_the_user_wrote_stays() -> None:
    with_sound = toggled(_node("audio").names, SHORT, NAMES)
    assert with_sound == [*SHORT, "audio_ff.net.0.proj", "audio_ff.net.2"]
    without_audio = toggled(_node("audio").names, with_sound, NAMES)
    assert "attn1.to_k" in without_audio
    assert not any(pattern.startswith("transformer_blocks") for pattern in without_audio)
    mine = ["to_k", "nothing.like.this"]
    assert patterns_for(chosen(mine, NAMES), mine, NAMES) == mine
    one_less = toggled(frozenset({"transformer_blocks.3.attn1.to_k"}), ["attn1.to_k"], NAMES)
    assert len(one_less) == 47
    assert "transformer_blocks.3.attn1.to_k" not in one_less


def test_feed_forward_comes_and_goes_with_the_chosen_branches() -> None:
    assert with_feed_forward(group_patterns("audio"), NAMES)[-2:] == ["audio_ff.net.0.proj", "audio_ff.net.2"]
    assert with_feed_forward(with_feed_forward(SHORT, NAMES), NAMES) == SHORT


def test_the_tree_holds_every_module_once_by_part_and_once_by_block() -> None:
    parts = [node for node in TREE if node.id != "blocks"]
    assert sum(len(node.names) for node in parts) == len(NAMES)
    assert frozenset().union(*(node.names for node in parts)) == frozenset(NAMES)
    blocks = next(node for node in TREE if node.id == "blocks")
    assert len(blocks.children) == 48


def test_marks_tell_all_some_none_and_not_loaded() -> None:
    everything = frozenset(NAMES)
    video, audio = _node("video/attn1"), _node("audio")
    some = frozenset({"transformer_blocks.0.attn1.to_k"})
    assert mark(video, chosen(SHORT, NAMES), everything) == "all", "gates are not meant by the part"
    assert mark(video, some, everything) == "some"
    assert mark(video, frozenset(), everything) == "none"
    assert mark(audio, frozenset(), video.names) == "absent"


def test_places_outside_the_blocks_have_no_block() -> None:
    assert place_of("proj_out").kind == "proj_out"
    assert place_of("adaln_single.linear").block is None
    assert place_of("transformer_blocks.12.ff.net.0.proj").kind == "ff.net.0.proj"
