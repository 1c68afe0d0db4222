"""What a prepared data root holds: shapes, lengths, samples that cannot be used, numbers that are not finite."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from schemas.errors import DataError, WizardError
from trainer.files.datafile import find_dataset_file
from trainer.files.dataset import Dropped, data_root, iter_names
from trainer.files.pt import PtTensor, peek, read_tensor
from trainer.files.samples import AudioShape, MaskShape, Shape, TextShape, VideoShape, describe
from trainer.files.staleness import stale_samples

REPORT_NAME: Final = "prepare_report.json"
_NOT_SAMPLES: Final = frozenset({"decoded_videos", "decoded_reference_videos"})
_KINDS: Final[Mapping[type, str]] = {
    VideoShape: "video latents",
    AudioShape: "audio latents",
    TextShape: "caption features",
    MaskShape: "masks",
}


@dataclass
class Directory:
    """One directory of prepared files."""

    name: str
    files: int = 0
    kinds: Counter[str] = field(default_factory=Counter)
    shapes: Counter[str] = field(default_factory=Counter)
    """Video ``frames x height x width`` and audio ``steps`` in latent units, captions ``positions x widths``."""
    fps: Counter[str] = field(default_factory=Counter)
    seconds: float = 0.0
    """Of sound, as far as the files say."""


@dataclass
class Prepared:
    """A whole data root."""

    root: Path
    directories: tuple[Directory, ...] = ()
    samples: int = 0
    """Names that every directory holds."""
    dropped: tuple[Dropped, ...] = ()
    broken: list[Dropped] = field(default_factory=list)
    """Files that cannot be read, and why."""
    nonfinite: list[Dropped] = field(default_factory=list)
    """Files with NaN or infinite numbers; only after a scan."""
    stale: list[Dropped] = field(default_factory=list)
    """Where the dataset file beside the root has moved on."""
    report: Mapping[str, Any] | None = None
    """What the last ``prepare`` wrote about itself."""

    @property
    def sound(self) -> bool:
        """Every file can be used and every sample is complete."""
        return not (self.dropped or self.broken or self.nonfinite) and self.samples > 0


def is_prepared(path: Path) -> bool:
    """Whether a directory is a data root: it holds ``.precomputed``, or directories of ``.pt`` and no dataset file.

    A raw dataset may hold ``.pt`` files too: audio masks.
    """
    root = data_root(path)
    if not root.is_dir() or (root == path.absolute() and find_dataset_file(path) is not None):
        return False
    return bool(_directories(root))


def inspect_prepared(path: Path, *, scan: bool = True) -> Prepared:
    """Describe a prepared root; ``scan`` reads every number to find the ones that are not finite.

    Raises DataError when there are no prepared files.
    """
    root = data_root(path)
    found = {name: dict(iter_names(root / name)) for name in _directories(root)}
    if not found:
        raise DataError("holds no prepared files", where=root, hint="run prepare, or name another directory")
    result = Prepared(root, report=_report(root))
    result.directories = tuple(_describe(result, name, files, scan) for name, files in found.items())
    every = sorted(set().union(*found.values()))
    lacking = {name: [directory for directory, files in found.items() if name not in files] for name in every}
    result.dropped = tuple(
        Dropped(name, f"no file in {', '.join(f'{directory}/' for directory in absent)}")
        for name, absent in lacking.items()
        if absent
    )
    result.samples = len(every) - len(result.dropped)
    result.stale = stale_samples(root, found.keys(), every)
    return result


def _directories(root: Path) -> list[str]:
    if not root.is_dir():
        return []
    return sorted(
        child.name
        for child in root.iterdir()
        if child.is_dir()
        and not child.name.startswith(".")
        and child.name not in _NOT_SAMPLES
        and next(child.rglob("*.pt"), None) is not None
    )


def _describe(result: Prepared, name: str, files: Mapping[str, Path], scan: bool) -> Directory:
    directory = Directory(name, len(files))
    for sample, path in files.items():
        try:
            _count(directory, describe(path))
            bad = _nonfinite(path) if scan else ""
        except WizardError as error:
            result.broken.append(Dropped(f"{name}/{sample}", error.message))
            continue
        if bad:
            result.nonfinite.append(Dropped(f"{name}/{sample}", bad))
    return directory


def _count(directory: Directory, shape: Shape) -> None:
    directory.kinds[_KINDS[type(shape)]] += 1
    match shape:
        case VideoShape():
            directory.shapes[f"{shape.frames} x {shape.height} x {shape.width}"] += 1
            directory.fps["unknown" if shape.fps is None else f"{shape.fps:g}"] += 1
        case AudioShape():
            directory.shapes[str(shape.steps)] += 1
            directory.seconds += shape.duration or 0.0
        case TextShape():
            widths = " and ".join(str(width) for width in (shape.video_width, shape.audio_width) if width)
            directory.shapes[f"{shape.tokens} x {widths}"] += 1
        case MaskShape():
            directory.shapes[" x ".join(map(str, shape.shape))] += 1


def _nonfinite(path: Path) -> str:
    import numpy as np

    found = peek(path)
    for name, tensor in found.items():
        if isinstance(tensor, PtTensor) and "float" in tensor.dtype:
            bad = int((~np.isfinite(read_tensor(path, tensor))).sum())
            if bad:
                return f"{bad:,} of {tensor.numel:,} numbers of '{name}' are not finite"
    return ""


def _report(root: Path) -> Mapping[str, Any] | None:
    try:
        found = json.loads((root / REPORT_NAME).read_bytes())
    except (OSError, ValueError):
        return None
    return found if isinstance(found, dict) else None
