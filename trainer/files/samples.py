"""What one prepared file holds: kind and shape, read from its description without loading a number."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from schemas.errors import DataError
from trainer.files.pt import PtTensor, peek

_AGAIN = "prepare this sample again"


@dataclass(frozen=True, slots=True)
class VideoShape:
    """Video latents [channels, frames, height, width], all in latent units."""

    channels: int
    frames: int
    height: int
    width: int
    fps: float | None
    """Frames per second of the clip in pixels; None when the file does not say."""

    @property
    def tokens(self) -> int:
        return self.frames * self.height * self.width


@dataclass(frozen=True, slots=True)
class AudioShape:
    """Audio latents [channels, steps, bins]; ``duration`` in seconds, None when the file does not say."""

    channels: int
    steps: int
    bins: int
    duration: float | None


@dataclass(frozen=True, slots=True)
class TextShape:
    """Caption features [tokens, width] before the connectors; an older file has one tensor for both modalities."""

    tokens: int
    video_width: int
    audio_width: int | None


@dataclass(frozen=True, slots=True)
class MaskShape:
    """A mask [frames, height, width] (video) or [steps] (audio); 1 = given, 0 = generated."""

    shape: tuple[int, ...]
    tensor: PtTensor


Shape = VideoShape | AudioShape | TextShape | MaskShape


def describe(path: Path) -> Shape:
    """Kind and shape of a prepared file, decided by its content alone.

    Raises DataError when the file is damaged, holds something else, or its numbers contradict its tensor.
    """
    found = peek(path)
    if not isinstance(found, Mapping):
        raise DataError("is not a prepared sample (no table of named tensors)", where=path, hint=_AGAIN)
    if "mask" in found:
        tensor = _tensor(path, found, "mask", (1, 3))
        return MaskShape(tensor.shape, tensor)
    if "prompt_attention_mask" in found:
        return _text(path, found)
    if "latents" in found:
        return _audio(path, found) if "num_time_steps" in found else _video(path, found)
    raise DataError(f"is not a prepared sample: it holds {', '.join(map(str, found))}", where=path, hint=_AGAIN)


def _tensor(path: Path, found: Mapping[str, Any], key: str, dims: tuple[int, ...]) -> PtTensor:
    tensor = found.get(key)
    if not isinstance(tensor, PtTensor):
        raise DataError(f"holds no tensor '{key}'", where=path, hint=_AGAIN)
    if len(tensor.shape) not in dims or not tensor.numel:
        raise DataError(f"'{key}' has the impossible shape {list(tensor.shape)}", where=path, hint=_AGAIN)
    return tensor


def _integer(path: Path, found: Mapping[str, Any], key: str) -> int:
    value = found.get(key)
    if not isinstance(value, int) or value < 1:
        raise DataError(f"holds no usable '{key}' (found {value!r:.40})", where=path, hint=_AGAIN)
    return value


def _number(path: Path, found: Mapping[str, Any], key: str) -> float | None:
    value = found.get(key)
    if value is None:
        return None
    if not isinstance(value, int | float) or not 0 < value < float("inf"):
        raise DataError(f"holds no usable '{key}' (found {value!r:.40})", where=path, hint=_AGAIN)
    return float(value)


def _text(path: Path, found: Mapping[str, Any]) -> TextShape:
    mask = _tensor(path, found, "prompt_attention_mask", (1,))
    legacy = "video_prompt_embeds" not in found
    video = _tensor(path, found, "prompt_embeds" if legacy else "video_prompt_embeds", (2,))
    audio = video if legacy else None
    if "audio_prompt_embeds" in found:
        audio = _tensor(path, found, "audio_prompt_embeds", (2,))
    for tensor in (video, audio):
        if tensor is not None and tensor.shape[0] != mask.shape[0]:
            raise DataError(
                f"has {tensor.shape[0]} caption features but {mask.shape[0]} mask entries", where=path, hint=_AGAIN
            )
    return TextShape(mask.shape[0], video.shape[1], None if audio is None else audio.shape[1])


def _video(path: Path, found: Mapping[str, Any]) -> VideoShape:
    tensor = _tensor(path, found, "latents", (2, 4))
    said = tuple(_integer(path, found, key) for key in ("num_frames", "height", "width"))
    frames, height, width = said
    if len(tensor.shape) == 2:
        # An older layout: [frames * height * width, channels].
        channels, fits = tensor.shape[1], tensor.shape[0] == frames * height * width
    else:
        channels, fits = tensor.shape[0], tensor.shape[1:] == said
    if not fits:
        raise DataError(
            f"says {frames} frames of {height} x {width}, but its latents have the shape {list(tensor.shape)}",
            where=path,
            hint=_AGAIN,
        )
    return VideoShape(channels, frames, height, width, _number(path, found, "fps"))


def _audio(path: Path, found: Mapping[str, Any]) -> AudioShape:
    tensor = _tensor(path, found, "latents", (3,))
    steps = _integer(path, found, "num_time_steps")
    bins = _integer(path, found, "frequency_bins") if "frequency_bins" in found else tensor.shape[2]
    if tensor.shape[1:] != (steps, bins):
        raise DataError(
            f"says {steps} steps of {bins} bins, but its latents have the shape {list(tensor.shape)}",
            where=path,
            hint=_AGAIN,
        )
    return AudioShape(tensor.shape[0], steps, bins, _number(path, found, "duration"))
