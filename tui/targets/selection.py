"""A choice of modules as patterns, and patterns as a choice.

A pattern is a whole module name or the end of one after a dot, which is how PEFT matches and how the file is written.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from trainer.preflight.modules import Module, match_targets

BLOCKS: Final = "transformer_blocks"
LINEARS: Final = ("to_k", "to_q", "to_v", "to_out.0")
GATE: Final = ".to_gate_logits"
FEED_FORWARD: Final = ("net.0.proj", "net.2")


@dataclass(frozen=True, slots=True)
class Place:
    """Where a module sits: block number (None outside the blocks), unit such as ``attn1``, and the linear in it."""

    block: int | None
    unit: str
    linear: str

    @property
    def kind(self) -> str:
        """The pattern that means this linear of this unit in every block."""
        return f"{self.unit}.{self.linear}" if self.linear else self.unit


def place_of(name: str) -> Place:
    """Split an official module name."""
    parts = name.split(".")
    if parts[0] == BLOCKS and len(parts) > 2 and parts[1].isdigit():
        return Place(int(parts[1]), parts[2], ".".join(parts[3:]))
    return Place(None, parts[0], ".".join(parts[1:]))


def kinds_of(names: Iterable[str]) -> dict[str, tuple[str, ...]]:
    """Kind -> the names of that kind, in the order of the model."""
    found: dict[str, list[str]] = {}
    for name in names:
        found.setdefault(place_of(name).kind, []).append(name)
    return {kind: tuple(members) for kind, members in found.items()}


def chosen(patterns: Sequence[str], modules: Iterable[str]) -> frozenset[str]:
    """The modules that any of the patterns hits."""
    return frozenset(name for hits in match_targets(patterns, modules).values() for name in hits)


def patterns_for(wanted: frozenset[str], patterns: Sequence[str], names: Sequence[str]) -> list[str]:
    """Patterns that hit exactly ``wanted``.

    Those at hand stay when they hit nothing else (one that hits nothing is the user's own and stays, too); the rest is
    named by kind where every module of the kind is wanted, and by full name where not.
    """
    hits = match_targets(patterns, names)
    kept = [pattern for pattern in dict.fromkeys(patterns) if wanted.issuperset(hits[pattern])]
    left = wanted.difference(*(hits[pattern] for pattern in kept))
    for kind, members in kinds_of(names).items():
        if left.isdisjoint(members):
            continue
        if wanted.issuperset(members) and set(match_targets([kind], names)[kind]) == set(members):
            kept.append(kind)
        else:
            kept += [name for name in members if name in left]
    return kept


def toggled(node: frozenset[str], patterns: Sequence[str], names: Sequence[str]) -> list[str]:
    """The patterns after switching some modules: all on, or all off when all of them are on.

    Gates come along only when they are meant by themselves.
    """
    now = chosen(patterns, names)
    wanted = now - node if usual(node) <= now else now | usual(node)
    return patterns_for(wanted, patterns, names)


def usual(names: frozenset[str]) -> frozenset[str]:
    """The modules that are meant by a part of the model: all but the gates, unless there is nothing else."""
    return frozenset(name for name in names if not name.endswith(GATE)) or names


@dataclass(frozen=True, slots=True)
class Group:
    """A choice made with one key."""

    id: str
    label: str
    units: tuple[str, ...]


GROUPS: Final[Mapping[str, Group]] = {
    group.id: group
    for group in (
        Group("video", "video attention only", ("attn1", "attn2")),
        Group("audio", "audio attention only", ("audio_attn1", "audio_attn2")),
        Group("bridge", "attention between video and audio only", ("audio_to_video_attn", "video_to_audio_attn")),
    )
}


def group_patterns(group: str) -> list[str]:
    """The patterns of a one-key group."""
    return [f"{unit}.{linear}" for unit in GROUPS[group].units for linear in LINEARS]


def with_feed_forward(patterns: Sequence[str], names: Sequence[str]) -> list[str]:
    """Add the feed-forward layers of every branch that has adapters, or take them out when they are in."""
    now = chosen(patterns, names)
    units = {place_of(name).unit for name in now}
    wanted = {unit for unit, own in (("ff", "attn"), ("audio_ff", "audio_attn")) if _has(units, own)} or {"ff"}
    kinds = kinds_of(names)
    layers = [f"{unit}.{linear}" for unit in sorted(wanted) for linear in FEED_FORWARD]
    members = frozenset(name for kind in layers for name in kinds.get(kind, ()))
    return toggled(members, patterns, names) if members else list(patterns)


def _has(units: set[str], attention: str) -> bool:
    return bool(units & {f"{attention}1", f"{attention}2"})


def reached(pattern: str, names: Sequence[str]) -> dict[str, int]:
    """What a pattern hits: unit -> number of modules. A short one such as ``to_k`` reaches several."""
    counts: dict[str, int] = {}
    for name in match_targets([pattern], names)[pattern]:
        unit = place_of(name).unit
        counts[unit] = counts.get(unit, 0) + 1
    return counts


@dataclass(frozen=True, slots=True)
class Size:
    """What a choice costs by itself."""

    modules: int
    parameters: int

    @property
    def file_bytes(self) -> int:
        """The published adapter: bf16."""
        return 2 * self.parameters

    def training_bytes(self, optimizer: str) -> int:
        """On the card: fp32 weights and gradients, and the optimizer's two moments (one byte each in 8 bits)."""
        return self.parameters * (8 + (2 if "8bit" in optimizer else 8))


def size_of(modules: Iterable[Module], names: frozenset[str], rank: int) -> Size:
    """Count adapters of a rank."""
    found = [module for module in modules if module.name in names]
    return Size(len(found), sum(module.lora_parameters(rank) for module in found))
