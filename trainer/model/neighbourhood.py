"""Neighbourhood attention in three dimensions with nothing but torch, at any size.

Every position attends to the window of ``kernel`` positions around it; at the border the window is shifted inwards and
keeps its size. The portable implementation in diffusers writes down one mask for all pairs of positions, which no
real video fits. Here the queries are taken block by block: a block needs only the keys its windows cover together,
so memory does not grow with the video and each step is one ordinary masked attention.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product
from typing import Any, Final

import torch
import torch.nn.functional as F
from torch import Tensor

BLOCK: Final = 8
"""Queries per axis and block. With a window of 11 a block of 8 reads 18 keys per axis: 4.4 times the least."""


@dataclass(frozen=True, slots=True)
class _Axis:
    """A stretch of queries on one axis, the keys they read, and where each query's window starts among those."""

    queries: slice
    keys: slice
    offsets: tuple[int, ...]
    kernel: int

    def window(self, device: torch.device) -> Tensor:
        """``[queries, keys]`` True inside the window."""
        place = torch.arange(self.keys.stop - self.keys.start, device=device)
        first = torch.tensor(self.offsets, device=device)[:, None]
        return (place >= first) & (place < first + self.kernel)


class NeighbourhoodProcessor:
    """Takes the place of the attention processor of diffusers' diffusion video decoder."""

    def __call__(self, attn: Any, hidden_BTHWC: Tensor, block_mask: None = None) -> Tensor:  # noqa: ARG002 - its interface
        query, key, value = attn.project_qkv(hidden_BTHWC)
        mixed = neighbourhood_attention(query, key, value, attn.kernel_size)
        return attn.to_out[0](mixed.flatten(-2))


def neighbourhood_attention(
    query_BTHWnd: Tensor, key_BTHWnd: Tensor, value_BTHWnd: Tensor, kernel: tuple[int, int, int]
) -> Tensor:
    """``[B, T, H, W, heads, width]``; the query is already scaled. Each axis must be at least as long as its window."""
    mixed = torch.empty_like(query_BTHWnd)
    lengths = query_BTHWnd.shape[1:4]
    masks: dict[tuple[tuple[int, ...], ...], Tensor] = {}
    for axes in product(*(list(_stretches(n, size)) for n, size in zip(lengths, kernel, strict=True))):
        shape = tuple(axis.offsets for axis in axes)  # equal shapes have equal masks; most blocks share one
        if shape not in masks:
            time, row, column = (axis.window(query_BTHWnd.device) for axis in axes)
            masks[shape] = torch.kron(torch.kron(time, row), column)
        queries, keys = (slice(None), *(a.queries for a in axes)), (slice(None), *(a.keys for a in axes))
        block = F.scaled_dot_product_attention(
            _sequence(query_BTHWnd[queries]),
            _sequence(key_BTHWnd[keys]),
            _sequence(value_BTHWnd[keys]),
            attn_mask=masks[shape],
            scale=1.0,
        )
        mixed[queries] = block.transpose(1, 2).unflatten(1, [len(axis.offsets) for axis in axes])
    return mixed


def _stretches(length: int, kernel: int) -> Iterator[_Axis]:
    if length < kernel:
        raise ValueError(f"an axis of {length} is shorter than its attention window of {kernel}")
    for start in range(0, length, BLOCK):
        stop = min(start + BLOCK, length)
        firsts = [min(max(place - kernel // 2, 0), length - kernel) for place in range(start, stop)]
        offsets = tuple(first - firsts[0] for first in firsts)
        yield _Axis(slice(start, stop), slice(firsts[0], firsts[-1] + kernel), offsets, kernel)


def _sequence(x_BTHWnd: Tensor) -> Tensor:
    """``[B, heads, T * H * W, width]``."""
    return x_BTHWnd.flatten(1, 3).transpose(1, 2)
