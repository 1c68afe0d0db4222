"""The prepared dataset as training reads it: one table of tensors per role, checked when loaded.

Legend of shapes: B batch, C channels, F latent frames, H, W latent height and width, T audio steps, M mel bins,
S text positions, D feature width. Lengths are those of the files, nothing is cut or padded here.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Hashable, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.utils.data import Dataset
from typing_extensions import override

from schemas.errors import DataError, Location
from trainer.data.pt_files import AGAIN, load_pt
from trainer.files.dataset import DatasetIndex
from trainer.files.samples import AudioShape, MaskShape, TextShape, VideoShape, describe

DEFAULT_FPS = 24.0
"""Frame rate of a file that names none, as older datasets do."""
Item = dict[str, Any]


class PrecomputedDataset(Dataset[Item]):
    """``dataset[i]`` is ``{"idx": i, "name": ..., ROLE: {...}, ...}`` with the roles of the index.

    A role's table holds, by what its file is: ``latents`` [C,F,H,W] with ``num_frames``, ``height``, ``width``,
    ``fps``; ``latents`` [C,T,M] with ``num_time_steps``, ``frequency_bins``, ``duration``; ``video_prompt_embeds``
    [S,D], ``prompt_attention_mask`` [S] and, when present, ``audio_prompt_embeds``; or ``mask`` [F,H,W] or [T].

    ``roles`` limits what is loaded, for example to leave out caption features whose connector outputs are cached.
    Loading raises DataError that names the file.
    """

    def __init__(self, index: DatasetIndex, roles: Collection[str] | None = None) -> None:
        index.require_samples()
        unknown = set(roles or ()) - set(index.roles)
        if unknown:
            raise ValueError(f"roles {sorted(unknown)} are not in the index, which has {sorted(index.roles)}")
        self.index = index
        self.roles = tuple(role for role in index.roles if roles is None or role in roles)

    def __len__(self) -> int:
        return len(self.index.samples)

    @override
    def __getitem__(self, position: int) -> Item:
        sample = self.index.samples[position]
        item: Item = {"idx": position, "name": sample.name}
        for role in self.roles:
            item[role] = load_sample_file(sample.files[role])
        return item

    def shapes(self) -> tuple[Hashable, ...]:
        """One hashable shape per sample, read without loading a tensor; samples of equal shape can be collated."""
        return tuple(
            tuple((role, _shape_key(sample.files[role])) for role in self.roles) for sample in self.index.samples
        )


def _shape_key(path: Path) -> Hashable:
    """What must agree inside a batch; the frame rate need not, positions are per sample."""
    found = describe(path)
    match found:
        case VideoShape():
            return ("video", found.channels, found.frames, found.height, found.width)
        case AudioShape():
            return ("audio", found.channels, found.steps, found.bins)
        case TextShape():
            return ("text", found.tokens, found.video_width, found.audio_width)
        case MaskShape():
            return ("mask", found.shape)


def load_sample_file(path: Path) -> dict[str, Any]:
    """Load one prepared file, bring older forms to the current one, and check shapes and finiteness."""
    found = load_pt(path)
    for marker, read in _READERS.items():
        if marker in found:
            table = read(path, found)
            _check_finite(path, table)
            return table
    raise DataError(f"is not a prepared sample: it holds {', '.join(map(str, found))}", where=path, hint=AGAIN)


def _read_mask(path: Path, found: Mapping[str, Any]) -> dict[str, Any]:
    return {"mask": _tensor(path, found, "mask", (1, 3)).to(torch.float32)}


def _read_text(path: Path, found: Mapping[str, Any]) -> dict[str, Any]:
    if "prompt_embeds" in found and "video_prompt_embeds" not in found:
        # The first releases stored one tensor for both modalities.
        shared = _tensor(path, found, "prompt_embeds", (2,))
        table: dict[str, Any] = {"video_prompt_embeds": shared, "audio_prompt_embeds": shared}
    else:
        table = {"video_prompt_embeds": _tensor(path, found, "video_prompt_embeds", (2,))}
        if "audio_prompt_embeds" in found:
            table["audio_prompt_embeds"] = _tensor(path, found, "audio_prompt_embeds", (2,))
    mask = _tensor(path, found, "prompt_attention_mask", (1,)).to(torch.int64)
    lengths = {mask.shape[0], *(value.shape[0] for value in table.values())}
    if len(lengths) > 1:
        raise DataError(f"its tensors have different lengths: {sorted(lengths)}", where=path, hint=AGAIN)
    return table | {"prompt_attention_mask": mask}


def _read_latents(path: Path, found: Mapping[str, Any]) -> dict[str, Any]:
    return _read_audio(path, found) if "num_time_steps" in found else _read_video(path, found)


def _read_video(path: Path, found: Mapping[str, Any]) -> dict[str, Any]:
    latents = _tensor(path, found, "latents", (2, 4))
    sizes = tuple(int(_number(path, found, key)) for key in ("num_frames", "height", "width"))
    if latents.ndim == 2:  # an older form: tokens [F*H*W, C] in frame, row, column order
        frames, height, width = sizes
        if latents.shape[0] != frames * height * width:
            raise _contradiction(path, latents, sizes)
        latents = latents.reshape(frames, height, width, -1).permute(3, 0, 1, 2).contiguous()
    if tuple(latents.shape[1:]) != sizes:
        raise _contradiction(path, latents, sizes)
    fps = _number(path, found, "fps") if found.get("fps") is not None else DEFAULT_FPS
    return {"latents": latents, "num_frames": sizes[0], "height": sizes[1], "width": sizes[2], "fps": fps}


def _read_audio(path: Path, found: Mapping[str, Any]) -> dict[str, Any]:
    latents = _tensor(path, found, "latents", (2, 3))
    steps, bins = (int(_number(path, found, key)) for key in ("num_time_steps", "frequency_bins"))
    if latents.ndim == 2 and latents.shape[0] == steps and latents.shape[1] % bins == 0:
        # An older form: tokens [T, C*M], channel-major.
        latents = latents.reshape(steps, -1, bins).permute(1, 0, 2).contiguous()
    if tuple(latents.shape[1:]) != (steps, bins):
        raise _contradiction(path, latents, (steps, bins))
    duration = _number(path, found, "duration")
    return {"latents": latents, "num_time_steps": steps, "frequency_bins": bins, "duration": duration}


_READERS: Mapping[str, Callable[[Path, Mapping[str, Any]], dict[str, Any]]] = {
    "mask": _read_mask,
    "prompt_attention_mask": _read_text,
    "latents": _read_latents,
}


def _tensor(path: Path, found: Mapping[str, Any], key: str, dims: tuple[int, ...]) -> Tensor:
    value = found.get(key)
    if not isinstance(value, Tensor):
        raise DataError(f"holds no tensor '{key}'", where=path, hint=AGAIN)
    if value.ndim not in dims or not value.numel():
        raise DataError(f"'{key}' has the impossible shape {list(value.shape)}", where=path, hint=AGAIN)
    return value


def _number(path: Path, found: Mapping[str, Any], key: str) -> float:
    value = found.get(key)
    value = value.item() if isinstance(value, Tensor) and value.numel() == 1 else value
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < float("inf"):
        raise DataError(f"holds no usable '{key}' (found {value!r:.40})", where=path, hint=AGAIN)
    return float(value)


def _contradiction(path: Path, latents: Tensor, sizes: Sequence[int]) -> DataError:
    return DataError(
        f"says its latents are {' x '.join(map(str, sizes))}, but they have the shape {list(latents.shape)}",
        where=path,
        hint=AGAIN,
    )


def _check_finite(path: Path, table: Mapping[str, Any]) -> None:
    for key, value in table.items():
        if isinstance(value, Tensor) and value.is_floating_point() and not torch.isfinite(value).all():
            raise DataError(
                "holds numbers that are not finite (NaN or infinity)",
                where=Location(path, key=key),
                why="one such sample would spoil the whole model",
                hint=AGAIN,
            )


def collate(items: Sequence[Item]) -> Item:
    """A batch of samples of one shape: tensors stacked, numbers as tensors [B] (float64 or int64), names as a list.

    Raises DataError naming the first pair of samples that differ in shape or in what they hold.
    """
    batch: Item = {"idx": torch.tensor([item["idx"] for item in items]), "name": [item["name"] for item in items]}
    for role in (key for key in items[0] if key not in batch):
        tables = [item[role] for item in items]
        batch[role] = {key: _stack(items, role, key, [table.get(key) for table in tables]) for key in tables[0]}
    return batch


def _stack(items: Sequence[Item], role: str, key: str, values: Sequence[Any]) -> Tensor:
    first = values[0]
    if not isinstance(first, Tensor):
        return torch.tensor(values, dtype=torch.float64 if isinstance(first, float) else torch.int64)
    for item, value in zip(items, values, strict=True):
        if not isinstance(value, Tensor) or value.shape != first.shape:
            shape = list(value.shape) if isinstance(value, Tensor) else "nothing"
            raise DataError(
                f"samples {items[0]['name']} and {item['name']} do not fit in one batch: "
                f"'{key}' of {role} is {list(first.shape)} and {shape}",
                hint="set optimization.batch_size to 1, or prepare all clips with one bucket",
            )
    return torch.stack(list(values))
