"""Filling a module from model files: strict, one tensor at a time, never a second copy in memory.

The module is built on the meta device, so it says what it needs: each parameter and persistent buffer has an address
in the files. Everything is compared with the headers before a byte of data is read; then each tensor goes from the
file straight to its final dtype and device.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from io import FileIO
from pathlib import Path
from typing import Final, cast

import torch
from torch import Tensor, nn

from schemas.errors import CheckpointError, EnvironmentFault
from trainer.files.headers import TensorInfo, read_header
from trainer.files.quantised import quantisation

_DTYPES: Final = {"F64": torch.float64, "F32": torch.float32, "F16": torch.float16, "BF16": torch.bfloat16}
_SHOWN: Final = 5


Place = Callable[[str, Tensor], Tensor | None]
"""name in the module, tensor as stored -> tensor as it is held, or None"""
Progress = Callable[[int, int], object]
"""tensors done, tensors in all"""


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
    on_progress: Progress | None = None,
) -> None:
    """Load a module built on the meta device; afterwards it is frozen, in eval mode and whole.

    On the "meta" device everything is checked and no data is read. ``explain`` is asked for the likely reasons when
    keys do not match. ``place`` may take a tensor (as stored, on the CPU) somewhere else than to ``dtype`` and
    ``device``, such as through a quantiser; it answers None to leave it. ``on_progress`` is told after every tensor.
    Raises CheckpointError naming file and keys when a tensor is missing, left over, of another shape, or quantised.
    """
    paths = tuple(paths)
    found = _find(component, paths)
    wanted = {name: component.address(name) for name in module.state_dict()}
    _compare(module, component, wanted, found, paths, explain)
    tensors: dict[str, Tensor] = {}
    for path in paths:
        mine = {name: (place, found[place.key][1]) for name, place in wanted.items() if found[place.key][0] == path}
        for name, tensor in _read(path, mine, dtype, device, place):
            tensors[name] = tensor
            if on_progress is not None:
                on_progress(len(tensors), len(wanted))
    module.load_state_dict(tensors, strict=True, assign=True)
    left = [name for name, tensor in _all_tensors(module) if tensor.is_meta]
    if left and torch.device(device).type != "meta":
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
        odd = sorted(name for name, (place, info) in found.items() if place == path and info.dtype not in _DTYPES)
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
    path: Path,
    wanted: Mapping[str, tuple[Address, TensorInfo]],
    dtype: torch.dtype,
    device: torch.device | str,
    place: Place | None,
) -> Iterator[tuple[str, Tensor]]:
    if torch.device(device).type == "meta" or not wanted:
        yield from ((name, _shape_only(address, info, dtype)) for name, (address, info) in wanted.items())
        return
    # In file order: one pass over the disk, whatever the order of the modules.
    ordered = sorted(wanted.items(), key=lambda item: item[1][1].start)
    try:
        with path.open("rb", buffering=0) as file:
            for name, (address, info) in ordered:
                stored = _stored(file, path, info)
                if address.parts > 1:
                    stored = stored.chunk(address.parts, dim=0)[address.part].clone()
                placed = None if place is None else place(name, stored)
                yield name, stored.to(device=device, dtype=dtype) if placed is None else placed
    except OSError as error:
        raise EnvironmentFault(f"cannot be read: {error.strerror or error}", where=path) from error


def _shape_only(address: Address, info: TensorInfo, dtype: torch.dtype) -> Tensor:
    shape = (info.shape[0] // address.parts, *info.shape[1:]) if address.parts > 1 else info.shape
    return torch.empty(shape, dtype=dtype, device="meta")


def _stored(file: FileIO, path: Path, info: TensorInfo) -> Tensor:
    return read_into(torch.empty(info.nbytes, dtype=torch.uint8), file, path, info)


def read_into(data: Tensor, file: FileIO, path: Path, info: TensorInfo) -> Tensor:
    """One tensor as it lies in the file, in the memory of ``data`` (uint8, just as many bytes, on the host).

    Read, not mapped: mapping a file larger than the host's memory is refused on some systems, and a file that shrinks
    while it is mapped kills the process.
    """
    left = memoryview(cast(bytearray, data.numpy()))
    file.seek(info.start)
    while left:
        count = file.readinto(left)
        if not count:
            raise CheckpointError(f"ends in the middle of {info.name}", where=path, hint="download the file again")
        left = left[count:]
    return data.view(_DTYPES[info.dtype]).view(info.shape)


def _all_tensors(module: nn.Module) -> Iterable[tuple[str, Tensor]]:
    yield from module.named_parameters()
    yield from module.named_buffers()


def _some(names: list[str]) -> str:
    shown = ", ".join(names[:_SHOWN])
    return shown if len(names) <= _SHOWN else f"{shown} and {len(names) - _SHOWN} more"
