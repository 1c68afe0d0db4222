"""The linear modules of a transformer by official name, and which of them LoRA patterns hit - from the header alone."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from trainer.files.checkpoint import Checkpoint

Branch = Literal["video", "audio", "bridge"]

_BRIDGE: Final = (
    "audio_to_video_attn",
    "video_to_audio_attn",
    "av_ca_video_scale_shift_adaln_single",
    "av_ca_audio_scale_shift_adaln_single",
    "av_ca_a2v_gate_adaln_single",
    "av_ca_v2a_gate_adaln_single",
)


@dataclass(frozen=True, slots=True)
class Module:
    """One linear module: name, and the widths of what goes in and comes out."""

    name: str
    inputs: int
    outputs: int

    @property
    def branch(self) -> Branch:
        """What must be trained on for the module to be in memory: video, audio, or both (bridge)."""
        parts = self.name.split(".")
        part = parts[2] if parts[0] == "transformer_blocks" else parts[0]
        if part in _BRIDGE:
            return "bridge"
        return "audio" if part.startswith("audio_") else "video"

    def lora_parameters(self, rank: int) -> int:
        """Numbers of one adapter: rank x (inputs + outputs)."""
        return rank * (self.inputs + self.outputs)


def linear_modules(checkpoint: Checkpoint) -> tuple[Module, ...]:
    """Every linear module of the transformer (each two-dimensional ``.weight`` is one); connectors are not in it."""
    return tuple(
        Module(name.removesuffix(".weight"), info.shape[1], info.shape[0])
        for name, info in checkpoint.transformer_tensors.items()
        if name.endswith(".weight") and len(info.shape) == 2
    )


def module_names(checkpoint: Checkpoint, *, video: bool = True, audio: bool = True) -> tuple[str, ...]:
    """Official names of the linear modules a run on these modalities holds in memory."""
    return tuple(module.name for module in present(linear_modules(checkpoint), video=video, audio=audio))


def present(modules: Iterable[Module], *, video: bool, audio: bool) -> tuple[Module, ...]:
    """The modules that are built when a run trains on these modalities."""
    held: Mapping[Branch, bool] = {"video": video, "audio": audio, "bridge": video and audio}
    return tuple(module for module in modules if held[module.branch])


def match_targets(patterns: Sequence[str], modules: Iterable[str]) -> Mapping[str, tuple[str, ...]]:
    """Pattern -> names it hits: the name itself, or one that ends in the pattern at a dot (as PEFT matches)."""
    names = tuple(modules)
    return {
        pattern: tuple(name for name in names if name == pattern or name.endswith("." + pattern))
        for pattern in patterns
    }


def close_endings(pattern: str, modules: Iterable[str]) -> list[str]:
    """Name endings of as many parts as the pattern has that look like it, best first."""
    parts = pattern.count(".") + 1
    endings = sorted({".".join(name.split(".")[-parts:]) for name in modules})
    return difflib.get_close_matches(pattern, endings, n=3, cutoff=0.4)
