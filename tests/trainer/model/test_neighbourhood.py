from __future__ import annotations

import pytest
import torch
from torch import Tensor

from trainer.model.neighbourhood import neighbourhood_attention


def by_definition(query: Tensor, key: Tensor, value: Tensor, kernel: tuple[int, int, int]) -> Tensor:
    """One position after the other: its window, shifted inwards at the border."""
    mixed = torch.empty_like(query)
    sizes = query.shape[1:4]
    for t in range(sizes[0]):
        for h in range(sizes[1]):
            for w in range(sizes[2]):
                window: list[slice] = []
                for place, size, k in zip((t, h, w), sizes, kernel, strict=True):
                    first = min(max(place - k // 2, 0), size - k)
                    window.append(slice(first, first + k))
                keys = key[:, window[0], window[1], window[2]].flatten(1, 3)
                values = value[:, window[0], window[1], window[2]].flatten(1, 3)
                weights = torch.einsum("bnd,bknd->bnk", query[:, t, h, w], keys).softmax(-1)
                mixed[:, t, h, w] = torch.einsum("bnk,bknd->bnd", weights, values)
    return mixed


@pytest.mark.parametrize(
    ("size", "kernel"),
    [((3, 7, 20), (3, 7, 7)), ((17, 9, 5), (11, 3, 5)), ((8, 16, 9), (1, 5, 9)), ((9, 8, 8), (3, 3, 3))],
)
def test_it_is_the_definition(size: tuple[int, int, int], kernel: tuple[int, int, int]) -> None:
    torch.manual_seed(0)
    query, key, value = (torch.randn(2, *size, 2, 4) for _ in range(3))
    found = neighbourhood_attention(query, key, value, kernel)
    torch.testing.assert_close(found, by_definition(query, key, value, kernel), rtol=0, atol=1e-5)


def test_a_window_larger_than_the_grid_is_refused() -> None:
    x = torch.zeros(1, 2, 8, 8, 1, 4)
    with pytest.raises(ValueError, match="window of 3"):
        neighbourhood_attention(x, x, x, (3, 3, 3))
