"""What a run does, as far as memory is concerned."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from types import MappingProxyType
from typing import Final, Literal

from presets.memory.shapes import MODALITIES, Layout, LinearShape, Modality

Optimizer = Literal["adamw", "adamw8bit"]
WEIGHT_BITS: Final[Mapping[str | None, int]] = MappingProxyType(
    {"int8-quanto": 8, "fp8-quanto": 8, "fp8uz-quanto": 8, "int4-quanto": 4, "int2-quanto": 2, "nf4-bnb": 4}
)
"""Bits of a quantized weight. Four bits and fewer come in groups of 128 with a bf16 scale and shift each; eight bits
have one bf16 scale per output row (optimum-quanto's formats)."""
NF4: Final = "nf4-bnb"
"""bitsandbytes' format: an eight-bit scale for 64 numbers, and an fp32 scale for 256 of those."""
GROUP: Final = 128
GROUP_STEP: Final = 32
SWAP_SLOTS: Final = 2
"""Places on the card for the weights of swapped blocks: the one at work and the one on its way."""


@dataclass(frozen=True, slots=True)
class RunShape:
    """One training step. Tokens are per sample, references included; 0 tokens: the modality takes no part."""

    video_tokens: int
    audio_tokens: int
    text_tokens: int = 1024
    batch: int = 1
    generates_video: bool = True
    generates_audio: bool = True
    full: bool = False
    """Full training; False: LoRA."""
    rank: int = 32
    dropout: float = 0.0
    targets: tuple[str, ...] = ("to_k", "to_q", "to_v", "to_out.0")
    half: bool = True
    """Mixed precision (bf16 or fp16); False computes in fp32."""
    optimizer: Optimizer = "adamw"
    accumulation: int = 1
    checkpointing: bool = True
    recomputed: int | None = None
    """With checkpointing: so many blocks, the first ones, keep only their inputs and run again in the backward pass;
    the last ones, whose turn comes first there, keep everything. None: all are recomputed."""
    swapped: int = 0
    """So many blocks have their frozen weights in pinned host memory; see :attr:`on_card`."""
    mixed: tuple[Modality, ...] = ()
    """Modalities with conditions: their tokens have noise levels of their own, the others one per sample."""
    quantization: str | None = None
    averaged: bool = False
    """A running average of the adapters is kept."""

    @property
    def mode(self) -> str:
        """What is trained and how frozen weights are stored, in a word: runs alike in it are compared."""
        return "full" if self.full else f"lora/{self.quantization or 'unquantized'}"

    def recomputes(self, layers: int) -> int:
        """How many of the blocks run again in the backward pass."""
        if not self.checkpointing:
            return 0
        return layers if self.recomputed is None else min(self.recomputed, layers)

    def on_card(self, layers: int) -> int:
        """Blocks whose frozen weights are on the card at once: those never swapped, and the slots of the others."""
        swapped = min(self.swapped, layers)
        return layers - swapped + min(swapped, SWAP_SLOTS)

    @property
    def modalities(self) -> tuple[Modality, ...]:
        """Those that take part."""
        return tuple(name for name in MODALITIES if self.tokens(name))

    def tokens(self, modality: Modality) -> int:
        """Tokens per sample."""
        return self.video_tokens if modality == "video" else self.audio_tokens

    def generates(self, modality: Modality) -> bool:
        """Whether the modality is in the loss."""
        given = self.generates_video if modality == "video" else self.generates_audio
        return given and self.tokens(modality) > 0


@dataclass(frozen=True, slots=True)
class Adapters:
    """Which linear layers get an adapter."""

    block: frozenset[str]
    """Names inside the block that has the most."""
    parameters: int
    """Trained numbers of the whole model."""


@lru_cache(maxsize=256)
def adapters(layout: Layout, run: RunShape) -> Adapters:
    """Match the target patterns the way the trainer does: a whole official name, or its end after a dot."""
    common = frozenset(linear.name for linear in layout.block if _matches(linear.name, run.targets))
    # A pattern that names a block ("3.attn1.to_q") matches in that block only; most runs have none.
    numbered = tuple(pattern for pattern in run.targets if any(part.isdigit() for part in _block_parts(pattern)))
    blocks = [common] * layout.layers
    if numbered:
        blocks = [common | _in_block(layout, index, numbered) for index in range(layout.layers)]
    cost = {linear.name: adapter_parameters(linear, run.rank) for linear in layout.block}
    counts = {names: sum(cost[name] for name in names) for names in set(blocks)}
    root = [adapter_parameters(linear, run.rank) for linear in layout.root if _matches(linear.name, run.targets)]
    most = max(blocks, key=len, default=common)
    return Adapters(most, sum(counts[names] for names in blocks) + sum(root))


def _block_parts(pattern: str) -> list[str]:
    """The parts of a pattern that could be the number of a block: those followed by an attention or feed-forward."""
    parts = pattern.split(".")
    return [part for part, following in itertools.pairwise(parts) if "attn" in following or "ff" in following]


def _in_block(layout: Layout, index: int, patterns: tuple[str, ...]) -> frozenset[str]:
    return frozenset(name for name in layout.by_name if _matches(f"transformer_blocks.{index}.{name}", patterns))


def adapter_parameters(linear: LinearShape, rank: int) -> int:
    """A ``[rank, in]`` and B ``[out, rank]``."""
    return rank * (linear.fan_in + linear.fan_out)


def _matches(name: str, patterns: tuple[str, ...]) -> bool:
    return any(name == pattern or name.endswith("." + pattern) for pattern in patterns)
