"""Whether a LoRA file learned anything: NaN, dead modules, size of the change, shares of the modalities. No torch.

The change of a module is ``D = s B A`` with ``A [rank, in]``, ``B [out, rank]`` and ``s = alpha / rank`` where the file
holds an alpha (our own files have it inside B). Its RMS is ``s sqrt(trace((A A^T)(B^T B)) / (out in))``: two
``[rank, rank]`` products in place of the whole ``D``.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Final

import numpy as np
import numpy.typing as npt

from schemas.errors import CheckpointError
from trainer.files.headers import Header, TensorInfo, read_header
from trainer.preflight.modules import Branch, Module

FORMATS: Final = {
    "diffusion_model.": "ComfyUI and ltx-core (diffusion_model.*)",
    "transformer.": "diffusers (transformer.*)",
    "model.diffusion_model.": "whole-model names (model.diffusion_model.*)",
    "base_model.model.": "PEFT (base_model.model.*)",
}
_ENDINGS: Final = {
    ".lora_A.weight": "down",
    ".lora_A.default.weight": "down",
    ".lora_down.weight": "down",
    ".lora_B.weight": "up",
    ".lora_B.default.weight": "up",
    ".lora_up.weight": "up",
    ".alpha": "alpha",
}
Array = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class ModuleHealth:
    """One adapted module. ``delta_rms`` is NaN where the tensors are not finite."""

    name: str
    """Official name, without the file's prefix."""
    rank: int
    parameters: int
    delta_rms: float
    elements: int
    """Numbers in the change: out x in."""

    @property
    def dead(self) -> bool:
        return self.delta_rms == 0.0

    @property
    def finite(self) -> bool:
        return math.isfinite(self.delta_rms)

    @property
    def branch(self) -> Branch:
        return Module(self.name, 0, 0).branch


@dataclass(frozen=True, slots=True)
class LoraHealth:
    """A whole file."""

    path: Path
    format: str
    """Which programs name tensors so."""
    metadata: Mapping[str, str]
    modules: tuple[ModuleHealth, ...]

    @property
    def dead(self) -> tuple[ModuleHealth, ...]:
        """Modules that change nothing."""
        return tuple(module for module in self.modules if module.dead)

    @property
    def broken(self) -> tuple[ModuleHealth, ...]:
        """Modules with NaN or infinity."""
        return tuple(module for module in self.modules if not module.finite)

    @property
    def delta_rms(self) -> float:
        """Over every number that the file changes; NaN when any of them is."""
        count = sum(module.elements for module in self.modules)
        return math.sqrt(sum(module.delta_rms**2 * module.elements for module in self.modules) / count)

    @property
    def ok(self) -> bool:
        """Finite, and not without any effect."""
        return not self.broken and len(self.dead) < len(self.modules)

    def shares(self) -> dict[Branch, float]:
        """How the squared change is spread over video, audio and what lies between."""
        energy: dict[Branch, float] = {"video": 0.0, "audio": 0.0, "bridge": 0.0}
        for module in self.modules:
            if module.finite:
                energy[module.branch] += module.delta_rms**2 * module.elements
        whole = sum(energy.values())
        return {name: value / whole if whole else 0.0 for name, value in energy.items()}


def examine_lora(path: Path) -> LoraHealth:
    """Read and judge a file, module by module. Raises CheckpointError for one that holds no complete LoRA."""
    header = read_header(path)
    prefix, parts = _sorted(header)
    with path.open("rb") as file:
        modules = tuple(_module(file, path, name, found) for name, found in parts.items())
    return LoraHealth(path, FORMATS.get(prefix, "no prefix"), header.metadata, modules)


def _sorted(header: Header) -> tuple[str, dict[str, dict[str, TensorInfo]]]:
    """The prefix that the names share, and module -> its tensors."""
    parts: dict[str, dict[str, TensorInfo]] = {}
    prefixes: set[str] = set()
    strange = []
    for key, info in header.tensors.items():
        ending = next((ending for ending in _ENDINGS if key.endswith(ending)), None)
        if ending is None:
            strange.append(key)
            continue
        prefix = next((prefix for prefix in FORMATS if key.startswith(prefix)), "")
        prefixes.add(prefix)
        name = key.removeprefix(prefix).removesuffix(ending)
        parts.setdefault(name, {})[_ENDINGS[ending]] = info
    if strange or not parts:
        shown = ", ".join(strange[:3]) or "nothing at all"
        raise CheckpointError(f"is no LoRA file: it holds {shown}", where=header.path, hint="give a LoRA's safetensors")
    if len(prefixes) > 1:
        raise CheckpointError(f"mixes names of several programs: {', '.join(sorted(prefixes))}", where=header.path)
    return prefixes.pop(), dict(sorted(parts.items(), key=lambda item: _natural(item[0])))


def _natural(name: str) -> tuple[tuple[int, str], ...]:
    return tuple((int(part), "") if part.isdigit() else (-1, part) for part in name.split("."))


def _module(file: BinaryIO, path: Path, name: str, found: Mapping[str, TensorInfo]) -> ModuleHealth:
    down, up = found.get("down"), found.get("up")
    if down is None or up is None:
        missing = "lora_A" if down is None else "lora_B"
        raise CheckpointError(f"{name} has no {missing}", where=path, hint="the file is incomplete: export it again")
    if len(down.shape) != 2 or len(up.shape) != 2 or down.shape[0] != up.shape[1]:
        raise CheckpointError(f"the two parts of {name} do not fit: {down.shape} and {up.shape}", where=path)
    rank, elements = down.shape[0], up.shape[0] * down.shape[1]
    scale = float(_read(file, path, found["alpha"]).reshape(-1)[0]) / rank if "alpha" in found else 1.0
    a, b = _read(file, path, down), _read(file, path, up)
    with np.errstate(invalid="ignore", over="ignore"):
        squares = float(np.sum((a.astype(np.float64) @ a.T) * (b.T.astype(np.float64) @ b)))
        rms = abs(scale) * math.sqrt(max(squares, 0.0) / elements) if math.isfinite(squares) else math.nan
    return ModuleHealth(name, rank, a.size + b.size, rms, elements)


def _read(file: BinaryIO, path: Path, info: TensorInfo) -> Array:
    """A tensor as fp32; bf16 is the upper half of fp32."""
    file.seek(info.start)
    raw = file.read(info.nbytes)
    kinds: dict[str, npt.DTypeLike] = {"F32": "<f4", "F16": "<f2", "F64": "<f8"}
    if info.dtype == "BF16":
        wide = np.frombuffer(raw, "<u2").astype(np.uint32) << 16
        values: Any = wide.view(np.float32)
    elif info.dtype in kinds:
        values = np.frombuffer(raw, kinds[info.dtype]).astype(np.float32)
    else:
        raise CheckpointError(f"{info.name} is {info.dtype}: a LoRA holds floating-point numbers", where=path)
    return np.asarray(values, dtype=np.float32).reshape(info.shape)


def findings(health: LoraHealth) -> Iterator[str]:
    """What is wrong or remarkable, in words."""
    if health.broken:
        names = ", ".join(module.name for module in health.broken[:3])
        yield f"{len(health.broken)} of {len(health.modules)} modules hold NaN or infinity: {names}"
    if len(health.dead) == len(health.modules):
        yield "every module's change is zero: this LoRA does nothing"
    elif health.dead:
        names = ", ".join(module.name for module in health.dead[:3])
        yield f"{len(health.dead)} of {len(health.modules)} modules change nothing: {names}"
    for branch, share in health.shares().items():
        count = sum(module.branch == branch for module in health.modules)
        if count and share < 1e-4 and not health.broken and health.ok:
            yield f"the {branch} modules ({count}) hold {share:.2%} of the change: they hardly learned"
