"""Fake CPU tensors that keep what CUDA keeps.

Fake CUDA tensors abort a CPU-only torch as soon as autograd meets them, so the oracle runs on fake CPU tensors.
Three things differ between the two devices in what a transformer keeps for its backward pass; they are put right here,
and all can be read off torch's sources and dispatcher without a GPU:

* ``rms_norm`` is one fused kernel on CUDA that keeps its input and one fp32 number per row. On the CPU it is made of
  small operators that keep half a dozen full-size tensors.
* under autocast CUDA runs ``rms_norm`` and ``layer_norm`` in fp32, the CPU in the type of their input.
* ``dropout`` keeps a mask of one byte per number on CUDA, the scaled noise in full on the CPU.

Everything else in our step (linear, attention, gelu, the modulations) is treated alike: lower precision for linear and
attention, promotion elsewhere. CPU and CUDA flash attention keep the same tensors.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, overload
from unittest import mock

import torch
import torch.nn.functional as F
from torch import Tensor


class _FusedRmsNorm(torch.autograd.Function):
    """The memory of ``aten::_fused_rms_norm``: input and one fp32 number per row are kept."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, shape: list[int], weight: Tensor | None, eps: float | None) -> Tensor:
        rows = x.shape[: x.dim() - len(shape)]
        ctx.save_for_backward(x, x.new_empty(*rows, 1, dtype=torch.float32), weight)
        return torch.empty_like(x)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, None, Tensor | None, None]:
        x, _, weight = ctx.saved_tensors
        wanted, _, trained, _ = ctx.needs_input_grad
        return (
            torch.empty_like(x) if wanted else None,
            None,
            torch.empty_like(weight) if trained else None,
            None,
        )


@contextmanager
def cuda_kernels() -> Iterator[None]:
    """Inside, ``rms_norm`` and ``layer_norm`` of fake CPU tensors behave as on CUDA, in the backward pass too."""
    layer_norm = F.layer_norm

    def wide_layer_norm(
        input: Tensor,  # noqa: A002 - torch's name
        normalized_shape: list[int],
        weight: Tensor | None = None,
        bias: Tensor | None = None,
        eps: float = 1e-5,
    ) -> Tensor:
        return layer_norm(_wide(input), normalized_shape, _wide(weight), _wide(bias), eps)

    # Replaced by name and not by a function mode: torch leaves those when it recomputes a checkpointed block.
    with (
        mock.patch.object(F, "rms_norm", _rms_norm),
        mock.patch.object(F, "layer_norm", wide_layer_norm),
        mock.patch.object(F, "dropout", _dropout),
    ):
        yield


def _dropout(input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False) -> Tensor:  # noqa: A002
    assert not inplace
    return torch.native_dropout(input, p, True)[0] if training and p > 0 else input


def _rms_norm(
    input: Tensor,  # noqa: A002 - torch's name
    normalized_shape: list[int],
    weight: Tensor | None = None,
    eps: float | None = None,
) -> Tensor:
    result: Tensor = _FusedRmsNorm.apply(_wide(input), list(normalized_shape), _wide(weight), eps)
    return result


@overload
def _wide(tensor: Tensor) -> Tensor: ...
@overload
def _wide(tensor: Tensor | None) -> Tensor | None: ...
def _wide(tensor: Tensor | None) -> Tensor | None:
    """In fp32 under autocast, as it is otherwise."""
    return tensor.float() if tensor is not None and torch.is_autocast_enabled("cpu") else tensor
