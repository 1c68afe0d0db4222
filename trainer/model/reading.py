"""Filling a module from model files: strict, one tensor at a time, never a second copy in memory.

The module is built on the meta device, so it says what it needs: each parameter and persistent buffer has an address
in the files. Everything is compared with the headers before a byte of data is read; then each tensor goes from the
memory-mapped file straight to its final dtype and device.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import torch
from safetensors import safe_open
from torch import Tensor, nn

from schemas.errors import CheckpointError
from trainer.files.headers import TensorInfo, read_header
from trainer.files.quantised import quantisation

_PLAIN_DTYPES: Final = frozenset({"F64", "F32", "F16", "BF16"})
_SHOWN: Final = 5


Place = Callable[[str, Tensor], Tensor | None]


@dataclass(frozen=True, slots=True)
class Address:
    """Where one tensor stands: a key of the file, or an equal part of it along the first dimension."""

    key: str
    part: int = 0
    parts: int = 1


@dataclass(frozen=True, slots=True)
class Component:
    """One part of the model as it lies in the files.

    ``address`` gives the key of each name of the module's state; ``owns`` says which keys of the files belong to the
    component (all of them must be used), ``spare`` those that may be there unused.
    """

    name: str
    address: Callable[[str], Address]
    owns: Callable[[str], bool]
    spare: Callable[[str], bool] = lambda _: False


def fill(
    module: nn.Module,
    component: Component,
    paths: Iterable[Path],
    *,
    dtype: torch.dtype,
    device: torch.device | str,
    explain: Callable[[], Iterable[str]] = tuple,
    place: Place | None = None,
) -> None:
    """Load a module built on the meta device; afterwards it is frozen, in eval mode and whole.

    ``explain`` is asked for the likely reasons when keys do not match. ``place`` may take a tensor (still in the mapped
    file) somewhere else than to ``dtype`` and ``device``, such as through a quantiser; it answers None to leave it.
    Raises CheckpointError naming file and keys when a tensor is missing, left over, of another shape, or quantised.
    """
    paths = tuple(paths)
    found = _find(component, paths)
    wanted = {name: component.address(name) for name in module.state_dict()}
    _compare(module, component, wanted, found, paths, explain)
    tensors: dict[str, Tensor] = {}
    for path in paths:
        mine = {name: place for name, place in wanted.items() if found[place.key][0] == path}
        if mine:
            tensors.update(_read(path, mine, dtype, device, place))
    module.load_state_dict(tensors, strict=True, assign=True)
    left = [name for name, tensor in _all_tensors(module) if tensor.is_meta]
    if left:
        raise CheckpointError(f"no file holds {_some(left)} of the {component.name}", where=paths[0])
    module.requires_grad_(False).eval()


def _find(component: Component, paths: tuple[Path, ...]) -> dict[str, tuple[Path, TensorInfo]]:
    """The component's keys; the first file that holds a key wins."""
    found: dict[str, tuple[Path, TensorInfo]] = {}
    for path in paths:
        header = read_header(path)
        for name, info in header.tensors.items():
            if component.owns(name):
                found.setdefault(name, (path, info))
        kind = quantisation(header)
        odd = sorted(name for name, (place, info) in found.items() if place == path and info.dtype not in _PLAIN_DTYPES)
        if kind is not None and (odd or any(place == path for place, _ in found.values())):
            raise CheckpointError(
                f"its weights are quantised ({kind}); training needs the plain bf16 file",
                where=path,
                why="a weight that was rounded once more on top of quantisation loses accuracy for good",
                hint="use the bf16 file of the release and set acceleration.quantization to save memory",
            )
        if odd:
            raise CheckpointError(f"{_some(odd)} is not stored as floating point numbers", where=path)
    return found


def _compare(
    module: nn.Module,
    component: Component,
    wanted: Mapping[str, Address],
    found: Mapping[str, tuple[Path, TensorInfo]],
    paths: tuple[Path, ...],
    explain: Callable[[], Iterable[str]],
) -> None:
    used = {place.key for place in wanted.values()}
    problems: list[str] = []
    missing = sorted(used - found.keys())
    if missing:
        problems.append(f"lacks {_some(missing)}")
    unexpected = sorted(key for key in found.keys() - used if not component.spare(key))
    if unexpected:
        problems.append(f"holds {_some(unexpected)}, which has no place in the model its configuration describes")
    state = module.state_dict()
    for name, place in wanted.items():
        if place.key not in found:
            continue
        shape = _whole_shape(state[name], place)
        stored = found[place.key][1].shape
        if stored != shape:
            problems.append(f"{place.key} has the shape {list(stored)} instead of {list(shape)}")
    if not problems:
        return
    shown = problems if len(problems) <= _SHOWN else [*problems[:_SHOWN], f"and {len(problems) - _SHOWN} more"]
    reasons = "; ".join(explain())
    raise CheckpointError(
        f"the {component.name} does not fit: " + "; ".join(shown),
        where=paths[0],
        why=reasons or "a model with a missing or misplaced tensor runs, and gives noise",
        hint="use the original file of the release; if it is one, its download may be damaged",
    )


def _whole_shape(tensor: Tensor, place: Address) -> tuple[int, ...]:
    shape = tuple(tensor.shape)
    return (shape[0] * place.parts, *shape[1:]) if place.parts > 1 else shape


def _read(
    path: Path, wanted: Mapping[str, Address], dtype: torch.dtype, device: torch.device | str, place_it: Place | None
) -> dict[str, Tensor]:
    tensors: dict[str, Tensor] = {}
    file: Any
    with safe_open(str(path), framework="pt", device="cpu") as file:
        for name, place in wanted.items():
            stored = file.get_tensor(place.key)
            if place.parts > 1:
                stored = stored.chunk(place.parts, dim=0)[place.part]
            placed = None if place_it is None else place_it(name, stored)
            if placed is None:
                # A copy in any case: what lies in memory must not hang on the file after loading.
                placed = stored.to(device=device, dtype=dtype, copy=True).contiguous()
            tensors[name] = placed
    return tensors


def _all_tensors(module: nn.Module) -> Iterable[tuple[str, Tensor]]:
    yield from module.named_parameters()
    yield from module.named_buffers()


def _some(names: list[str]) -> str:
    shown = ", ".join(names[:_SHOWN])
    return shown if len(names) <= _SHOWN else f"{shown} and {len(names) - _SHOWN} more"
