"""What the tiny world needs different from a preset, and why: rules over what the preset has, not lists by name."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from schemas.paths import parse_path, set_in
from tui.demo.needs import FPS, HEIGHT, WIDTH, Needs

STEPS: Final = 120
LEARNING_RATE: Final = 5e-3
ENOUGH_STEPS: Final = 12
"""Every preset learns what the demo asks for in these, with 4 points to spare at the least."""
BATCH: Final = 2
"""Together they bring the loss of a generated modality well below what knowing nothing costs; see the slow test."""
INFERENCE_STEPS: Final = 8


@dataclass(frozen=True, slots=True)
class Change:
    """One field with its value in the demo."""

    path: str
    value: Any
    reason: str
    shown: str = ""
    """How the value reads when its JSON says little."""

    def __str__(self) -> str:
        text = self.shown or json.dumps(self.value)
        return text if len(text) <= 28 else f"…{text[-27:]}"


@dataclass(frozen=True, slots=True)
class World:
    """What the demo has made, as far as the configuration speaks of it."""

    checkpoint: Path
    layers: int
    """Blocks of its transformer."""
    text_encoder: Path
    prepared: Path
    caption: str
    """Of the first clip."""
    clip: Mapping[str, str]
    """Its files by role."""
    needs: Needs
    seed: int
    steps: int


def changes(data: Mapping[str, Any], world: World) -> tuple[Change, ...]:
    """Everything that differs from the preset ``data`` in this world, in the order of the configuration."""
    return (
        *_places(world),
        *_conditions(data),
        *_learning(world),
        *_machine(data),
        *_validation(data, world),
        *_samples(data, world),
        Change("checkpoints.interval", max(1, world.steps // 2), "one save on the way"),
        Change("checkpoints.save_training_state", "full", "an interrupted run then continues bit for bit"),
        Change("seed", world.seed, "--seed"),
    )


def applied(data: Mapping[str, Any], found: Iterable[Change]) -> dict[str, Any]:
    """A copy of ``data`` with the changes made."""
    result = copy.deepcopy(dict(data))
    for change in found:
        set_in(result, parse_path(change.path), copy.deepcopy(change.value))
    return result


def _places(world: World) -> Iterator[Change]:
    yield Change("model.model_path", str(world.checkpoint), "the checkpoint just written")
    yield Change("model.text_encoder_path", str(world.text_encoder), "the text encoder just written")
    yield Change("data.preprocessed_data_root", str(world.prepared), "the clips just prepared")
    yield Change("data.num_dataloader_workers", 0, "six small clips need no loader processes")


def _conditions(data: Mapping[str, Any]) -> Iterator[Change]:
    for modality in ("video", "audio"):
        section = data["training_strategy"].get(modality) or {}
        for index, condition in enumerate(section.get("conditions", [])):
            yield from _region(f"training_strategy.{modality}.conditions[{index}]", condition)


def _region(path: str, condition: Mapping[str, Any]) -> Iterator[Change]:
    if "spatial_region" in condition:
        yield Change(f"{path}.spatial_region", [0, 0, HEIGHT // 2, WIDTH], "the upper half of the small picture")


def _learning(world: World) -> Iterator[Change]:
    yield Change("optimization.learning_rate", LEARNING_RATE, "few steps, so longer ones")
    yield Change("optimization.steps", world.steps, "a tiny model learns in seconds")
    yield Change("optimization.batch_size", BATCH, "with few steps, steadier ones")


def _machine(data: Mapping[str, Any]) -> Iterator[Change]:
    """What big models on graphics cards need, and a tiny one anywhere does not."""
    if data["optimization"]["enable_gradient_checkpointing"]:
        yield Change("optimization.enable_gradient_checkpointing", False, "nothing to save in a tiny model")
    yield Change("acceleration.mixed_precision_mode", "no", "fp32 is the fast format on a CPU")
    if data["acceleration"]["load_text_encoder_in_8bit"]:
        yield Change("acceleration.load_text_encoder_in_8bit", False, "8 bits need a graphics card")


def _validation(data: Mapping[str, Any], world: World) -> Iterator[Change]:
    settings = data["validation"]
    yield Change("validation.video_dims", [WIDTH, HEIGHT, world.needs.frames], "as large and long as the clips")
    yield Change("validation.frame_rate", FPS, "as fast as the clips")
    yield Change("validation.inference_steps", INFERENCE_STEPS, "a look, not a film")
    yield Change("validation.interval", world.steps, "one sample before, one after training")
    if settings["stg_blocks"]:
        reason = f"the tiny model has {world.layers} blocks, not 48"
        yield Change("validation.stg_blocks", [min(1, world.layers - 1)], reason)


def _samples(data: Mapping[str, Any], world: World) -> Iterator[Change]:
    first = data["validation"]["samples"][0]
    yield Change("validation.samples", [first], "one is enough to see it work", shown="the first of them")
    yield Change("validation.samples[0].prompt", world.caption, "the caption of the first clip")
    for index, condition in enumerate(first.get("conditions", [])):
        path = f"validation.samples[0].conditions[{index}]"
        for name in ("image_or_video", "video", "audio", "mask"):
            if condition.get(name) is not None:
                role = media_role(condition, name, world.clip)
                yield Change(f"{path}.{name}", world.clip[role], f"the {role.replace('_', ' ')} of the first clip")
        yield from _region(path, condition)


def media_role(condition: Mapping[str, Any], name: str, clip: Mapping[str, str]) -> str:
    """Which file of a clip stands in for the field ``name`` of a validation condition."""
    if name == "mask":
        return "audio_mask" if condition.get("audio") is not None else "video_mask"
    if condition["type"] == "reference":
        return f"reference_{name}"
    # A sound that has no file of its own is the sound of the video.
    return "audio" if name == "audio" and "audio" in clip else "video"
