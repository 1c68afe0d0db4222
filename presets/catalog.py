"""The presets: a task, a hardware tier, and what results."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from presets.overlays import listed, merge, read
from schemas import validate
from schemas.errors import ConfigError
from schemas.extensions import without_unchanged
from schemas.wording import nearest

_ORDER: Final = (
    "t2v_lora",
    "t2v_lora_low_vram",
    "i2v_lora",
    "video_extend_lora",
    "video_suffix_lora",
    "v2v_ic_lora",
    "a2v_lora",
    "v2a_lora",
    "video_inpainting_lora",
    "video_outpainting_lora",
    "t2a_lora",
    "audio_extend_lora",
    "audio_suffix_lora",
    "audio_inpainting_lora",
    "a2a_ic_lora",
    "av2av_ic_lora",
)
_REPORTED: Final = 1.02
_COLUMN_OF: Final = {
    ("video", "reference"): "reference_video",
    ("audio", "reference"): "reference_audio",
    ("video", "mask"): "video_mask",
    ("audio", "mask"): "audio_mask",
}


@dataclass(frozen=True, slots=True)
class PresetInfo:
    """What a preset is for and what it needs."""

    name: str
    title: str
    task: str
    description: str
    video: str
    """``generated``, ``given`` or empty."""
    audio: str
    directories: tuple[str, ...]
    """Directories of prepared data below the data root."""
    columns: tuple[str, ...]
    """Columns the dataset file needs."""
    tiers: tuple[int, ...]
    """Graphics memory in GB it has settings for."""


def names() -> tuple[str, ...]:
    """All presets: the usual ones first, then others by name."""
    found = listed("tasks")
    return (*(name for name in _ORDER if name in found), *(name for name in found if name not in _ORDER))


def tiers() -> tuple[int, ...]:
    """Graphics memory in GB there are settings for."""
    return tuple(sorted(int(name) for name in listed("tiers")))


def tier_for(vram: float) -> int:
    """The largest tier a card of ``vram`` GB can run; raises ConfigError when it is below all of them.

    Cards report a little less than they are sold with; two percent less is the same card.
    """
    fitting = [tier for tier in tiers() if tier <= vram * _REPORTED]
    if not fitting:
        raise ConfigError(
            f"there is no tier for {vram:g} GB",
            why=f"the smallest tier is for {tiers()[0]} GB, and what it needs is known to fit there, not below",
            hint=f"start from --vram {tiers()[0]}; `estimate FILE --vram {vram:g}` then says what to change",
        )
    return fitting[-1]


def load(name: str, *, vram: float | None = None) -> dict[str, Any]:
    """The complete configuration data of a preset, every default but those of extensions; a copy that may be changed.

    ``vram`` (GB) chooses the tier; without it the preset is as published. Raises ConfigError for an unknown name.
    """
    return without_unchanged(validate(sparse(name, vram=vram)).model_dump(mode="json"))


def sparse(name: str, *, vram: float | None = None) -> dict[str, Any]:
    """The same without defaults: only what the preset decides."""
    task = _task(name)
    data = merge(read("base"), task["config"])
    tier = task.get("tier") if vram is None else tier_for(vram)
    if tier is not None:
        data = merge(data, read(f"tiers/{tier}")["config"])
        data = merge(data, task.get("tiers", {}).get(str(tier), {}))
    return copy.deepcopy(data)


def describe(name: str) -> PresetInfo:
    """What a preset is for and what it needs."""
    task = _task(name)
    strategy = sparse(name)["training_strategy"]
    directories, columns = ["conditions"], ["caption"]
    for modality in ("video", "audio"):
        section = strategy.get(modality)
        if not section:
            continue
        directories.append(section["latents_dir"])
        if modality == "video" or not strategy.get("video"):
            columns.append(modality)
        for condition in section.get("conditions", []):
            directories.extend(condition[key] for key in ("latents_dir", "mask_dir") if key in condition)
            column = _COLUMN_OF.get((modality, condition["type"]))
            columns.extend([column] if column else [])
    fixed = task.get("tier")
    return PresetInfo(
        name=name,
        title=task["title"],
        task=task["task"],
        description=task["description"],
        video=_role(strategy.get("video")),
        audio=_role(strategy.get("audio")),
        directories=tuple(dict.fromkeys(directories)),
        columns=tuple(columns),
        tiers=(fixed,) if fixed else tiers(),
    )


def _role(section: Mapping[str, Any] | None) -> str:
    if not section:
        return ""
    return "generated" if section["is_generated"] else "given"


def _task(name: str) -> Mapping[str, Any]:
    if name not in names():
        meant = nearest(name, list(names()))
        hint = f"did you mean {meant}?" if meant else f"there are {', '.join(names())}"
        raise ConfigError(f"there is no preset {name}", hint=hint)
    task = read(f"tasks/{name}")
    if "extends" not in task:
        return task
    below = read(f"tasks/{task['extends']}")
    return {**below, **task, "config": merge(below["config"], task["config"])}
