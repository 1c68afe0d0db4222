"""One tensor of ours beside the reference, and the rule that decides."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Literal, Protocol

import torch
from torch import Tensor

Kind = Literal["abs", "rel"]


@dataclass(frozen=True, slots=True)
class Comparison:
    """The largest difference of one tensor. ``ok`` is decided by ``kind``: max_abs or max_rel against tolerance."""

    case: str
    tensor: str
    max_abs: float
    max_rel: float
    tolerance: float
    kind: Kind
    ok: bool


class GoldenModule(Protocol):
    """What a module of this package offers."""

    def files(self, directory: Path) -> list[Path]: ...

    def run(self, path: Path, only: str | None) -> Iterator[Comparison]: ...


def wanted(only: str | None, path: Path, case: str, tensor: str | None = None) -> bool:
    """Whether ``--only`` selects this: it matches ``file-stem/case``, the case, or a tensor's name."""
    if only is None:
        return True
    names = [f"{path.stem}/{case}", case]
    if tensor is not None:
        names += [tensor, f"{case}/{tensor}", f"{path.stem}/{case}/{tensor}", f"{path.stem}/{tensor}"]
    return any(fnmatchcase(name, only) for name in names)


def compare(
    case: str, tensor: str, actual: Tensor, expected: Tensor, tolerance: float, kind: Kind = "abs"
) -> Comparison:
    """Largest absolute and relative difference in float64; another shape or a NaN on one side only is infinite."""
    if actual.shape != expected.shape:
        return Comparison(case, tensor, float("inf"), float("inf"), tolerance, kind, ok=False)
    ours, theirs = actual.detach().cpu().double(), expected.detach().cpu().double()
    difference = (ours - theirs).abs()
    difference[ours.isnan() & theirs.isnan()] = 0.0
    difference[(ours == theirs)] = 0.0  # equal infinities
    difference = difference.nan_to_num(nan=float("inf"), posinf=float("inf"))
    relative = difference / theirs.abs().clamp_min(torch.finfo(torch.float32).tiny)
    max_abs = float(difference.max()) if difference.numel() else 0.0
    max_rel = float(relative.max()) if difference.numel() else 0.0
    measured = max_abs if kind == "abs" else max_rel
    return Comparison(case, tensor, max_abs, max_rel, tolerance, kind, ok=measured <= tolerance)
