"""The goals of the guide: every preset in words of what a person wants."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, Final

import presets
from presets import PresetInfo

INTENTS: Final = {
    "t2v_lora": "Teach a style, subject or motion",
    "t2v_lora_low_vram": "Teach a style on a 32 GB card",
    "i2v_lora": "Animate a first frame",
    "video_extend_lora": "Extend a clip",
    "video_suffix_lora": "Lead up to a clip",
    "v2v_ic_lora": "Transform a video",
    "a2v_lora": "Make a video to a sound",
    "v2a_lora": "Add sound to a video",
    "video_inpainting_lora": "Fill in part of a video",
    "video_outpainting_lora": "Paint around a picture",
    "t2a_lora": "Teach a sound",
    "audio_extend_lora": "Continue a sound",
    "audio_suffix_lora": "Lead up to a sound",
    "audio_inpainting_lora": "Fill in part of a sound",
    "a2a_ic_lora": "Transform a sound",
    "av2av_ic_lora": "Transform video and sound",
}
"""Preset -> intent. A preset that is not listed goes by its title."""


@dataclass(frozen=True, slots=True)
class Goal:
    """One thing a person may want the model to learn."""

    info: PresetInfo
    intent: str
    strategy: Mapping[str, Any]
    size: tuple[int, int]
    """Width and height its samples have, to which regions of the picture refer."""

    @property
    def name(self) -> str:
        return self.info.name


@cache
def goals() -> tuple[Goal, ...]:
    """All goals, the usual ones first. Reads every preset: some tens of milliseconds the first time."""
    return tuple(goal(name) for name in presets.names())


@cache
def goal(name: str) -> Goal:
    """One goal; raises ConfigError for a preset that does not exist."""
    info = presets.describe(name)
    data = presets.load(name)
    width, height, _ = data["validation"]["video_dims"]
    return Goal(info, INTENTS.get(name, info.title), data["training_strategy"], (width, height))
