"""The transformer as a tree of names: family, unit, linear, block."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final, Literal

from tui.targets.selection import Place, place_of, usual

Mark = Literal["all", "some", "none", "absent"]

_FAMILIES: Final = (
    ("video", "Video", ("attn1", "attn2", "ff")),
    ("audio", "Audio", ("audio_attn1", "audio_attn2", "audio_ff")),
    ("bridge", "Between video and audio", ("audio_to_video_attn", "video_to_audio_attn")),
)
_WORDS: Final = {
    "attn1": "self-attention over all frames: look and motion",
    "attn2": "attention to the text: what words mean",
    "ff": "feed-forward: stored detail, style",
    "audio_attn1": "self-attention over the sound",
    "audio_attn2": "attention of the sound to the text",
    "audio_ff": "feed-forward of the sound",
    "audio_to_video_attn": "the picture listens to the sound",
    "video_to_audio_attn": "the sound watches the picture",
    "to_q": "queries",
    "to_k": "keys",
    "to_v": "values",
    "to_out.0": "output",
    "to_gate_logits": "gate per head, rarely trained",
    "net.0.proj": "in, four times as wide",
    "net.2": "out",
}


@dataclass(frozen=True, slots=True)
class Node:
    """A line of the tree and every module under it."""

    id: str
    label: str
    words: str
    depth: int
    names: frozenset[str]
    children: tuple[Node, ...] = field(default=(), repr=False)


def build(names: Sequence[str]) -> tuple[Node, ...]:
    """The whole tree, families first, blocks last."""
    places = {name: place_of(name) for name in names}
    inside = {name: place for name, place in places.items() if place.block is not None}
    outside = {name: place for name, place in places.items() if place.block is None}
    nodes = [
        _family(id_, label, {name: place for name, place in inside.items() if place.unit in units})
        for id_, label, units in _FAMILIES
    ]
    known = {unit for _, _, units in _FAMILIES for unit in units}
    others = {name: place for name, place in inside.items() if place.unit not in known}
    nodes += [_family("other", "Other", others), _family("outside", "Outside the blocks", outside), _blocks(inside)]
    return tuple(node for node in nodes if node.names)


def _family(id_: str, label: str, places: dict[str, Place]) -> Node:
    units: dict[str, dict[str, Place]] = {}
    for name, place in places.items():
        units.setdefault(place.unit, {})[name] = place
    children = tuple(_unit(f"{id_}/{unit}", unit, members) for unit, members in units.items())
    return Node(id_, label, "", 0, frozenset(places), children)


def _unit(id_: str, unit: str, places: dict[str, Place]) -> Node:
    linears: dict[str, dict[str, Place]] = {}
    for name, place in places.items():
        linears.setdefault(place.linear, {})[name] = place
    if list(linears) == [""]:
        return Node(id_, unit, _WORDS.get(unit, ""), 1, frozenset(places))
    children = tuple(_linear(f"{id_}/{linear}", linear, members) for linear, members in linears.items())
    return Node(id_, unit, _WORDS.get(unit, ""), 1, frozenset(places), children)


def _linear(id_: str, linear: str, places: dict[str, Place]) -> Node:
    blocks = tuple(
        Node(f"{id_}/{place.block}", f"block {place.block}", "", 3, frozenset((name,)))
        for name, place in places.items()
        if place.block is not None
    )
    return Node(id_, linear, _WORDS.get(linear, ""), 2, frozenset(places), blocks if len(blocks) > 1 else ())


def _blocks(places: dict[str, Place]) -> Node:
    members: dict[int, list[str]] = {}
    for name, place in places.items():
        if place.block is not None:
            members.setdefault(place.block, []).append(name)
    children = tuple(
        Node(f"blocks/{block}", f"block {block}", "", 1, frozenset(names)) for block, names in sorted(members.items())
    )
    return Node("blocks", "By block", "early blocks lay out, late ones draw detail", 0, frozenset(places), children)


def lines(nodes: Sequence[Node], opened: frozenset[str] | set[str]) -> Iterator[Node]:
    """The nodes in sight: children of opened ones included."""
    for node in nodes:
        yield node
        if node.id in opened:
            yield from lines(node.children, opened)


def mark(node: Node, selected: frozenset[str], loaded: frozenset[str]) -> Mark:
    """How much of a node is selected, gates aside; ``absent`` when the run loads none of it and nothing is selected."""
    if not node.names & selected:
        return "none" if node.names & loaded else "absent"
    return "all" if usual(node.names) <= selected else "some"
