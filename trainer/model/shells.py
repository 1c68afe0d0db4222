"""Tensors that are shells around others: a quantized weight looks like one matrix and holds packed numbers and scales.

Moving or counting memory has to reach what is inside. torch's own protocol for such classes says what that is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from torch import Tensor


def plain_tensors(tensor: Tensor) -> Iterator[Tensor]:
    """The tensors that hold the numbers: the tensor itself, or what its shell is around."""
    names = _inside(tensor)
    if not names:
        yield tensor
    for name in names:
        yield from plain_tensors(getattr(tensor, name))


def rebuilt(tensor: Any, change: Callable[[Tensor], Tensor]) -> Tensor:
    """The same shell around changed contents; a plain tensor is changed itself."""
    names = _inside(tensor)
    if not names:
        return change(tensor)
    _, meaning = tensor.__tensor_flatten__()
    contents = {name: rebuilt(getattr(tensor, name), change) for name in names}
    shell: Tensor = type(tensor).__tensor_unflatten__(contents, meaning, None, None)
    return shell


def _inside(tensor: Any) -> list[str]:
    if not hasattr(tensor, "__tensor_flatten__"):
        return []
    names: list[str] = tensor.__tensor_flatten__()[0]
    return names
