"""The frozen transformer in fewer bits: weights are rounded one by one on their way from the file to the device.

The numbers are optimum-quanto's (same scales, same rounding, same packing); the matrix products are ours:

* quanto's linear function keeps its input for a weight gradient that a frozen weight does not have. Ours keeps
  nothing, so quantizing saves weights and costs no activations.
* quanto multiplies four-bit weights with a kernel made for a few tokens, which is many times slower on the thousands
  of a video, and unpacks low bits on a CPU with C++ that is compiled at first use. Ours unpacks with plain tensor
  operations into one scratch matrix, on any device, without a compiler.
* Under autocast the input is cast like that of any linear layer.

``nf4-bnb`` goes the same way with bitsandbytes' format (:mod:`trainer.model.nf4`): the closest and smallest of the
four-bit kinds.

Weights stay what they are only in memory: storage in eight bits needs no eight-bit arithmetic of the card.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import partial
from types import MappingProxyType
from typing import Any, Final, Literal, cast

import torch
import torch.nn.functional as F
from optimum.quanto import AbsmaxOptimizer, MaxOptimizer, QTensor, qfloat8_e4m3fn, qfloat8_e4m3fnuz, qint2, qint4, qint8
from optimum.quanto.tensor.weights import WeightQBitsTensor, WeightQBytesTensor, quantize_weight
from torch import Tensor, nn

from trainer.model.host_memory import give_back
from trainer.model.nf4 import Nf4Weight, rounded, unpacked
from trainer.model.official import official_name
from trainer.model.reading import Place
from trainer.model.shells import plain_tensors, rebuilt

Kind = Literal["int8-quanto", "int4-quanto", "int2-quanto", "fp8-quanto", "fp8uz-quanto", "nf4-bnb"]
TYPES: Final[Mapping[str, Any]] = MappingProxyType(
    {
        "int8-quanto": qint8,
        "int4-quanto": qint4,
        "int2-quanto": qint2,
        "fp8-quanto": qfloat8_e4m3fn,
        "fp8uz-quanto": qfloat8_e4m3fnuz,
        "nf4-bnb": Nf4Weight,
    }
)
"""quanto's type of each setting, or what holds the weights instead."""
INCLUDED: Final = "transformer_blocks.*"
EXCLUDED: Final = (
    "*patchify_proj",
    "*proj_out",
    "*adaln*",
    "*time_proj*",
    "*timestep_embedder*",
    "*caption_projection*",
    "*norm*",
    # One number per head decides how much of it is heard: nothing to save there, much to lose.
    "*to_gate_logits",
)
"""Official names that keep their precision. Matched against whole names: matching below each block, as quanto's own
exclusion would do when it is called block by block, misses what is excluded by its parent's name."""
_GROUP: Final = 128
_GROUP_STEP: Final = 32
_BYTE: Final = 8
_GIVE_BACK: Final = 2**28
"""Bytes read between two times that freed host memory is given back."""


@dataclass(frozen=True, slots=True)
class QuantizedReport:
    """What became smaller."""

    modules: int
    weights: int
    """How many numbers."""
    nbytes: int
    """What they take with their scales."""


def is_quantized(official: str) -> bool:
    """Whether the linear module of this official name is quantized."""
    return fnmatchcase(official, INCLUDED) and not any(fnmatchcase(official, pattern) for pattern in EXCLUDED)


class QuantizedLinear(nn.Linear):
    """A frozen linear layer whose weight is held in quanto's storage; input and output are as of nn.Linear.

    A subclass of nn.Linear, so that adapters are put beside it as beside any other.
    """

    def forward(self, x: Tensor) -> Tensor:
        """``[..., in]`` to ``[..., out]``; differentiable in ``x`` only."""
        device = x.device.type
        dtype = torch.get_autocast_dtype(device) if torch.is_autocast_enabled(device) else x.dtype
        return cast(Tensor, _FrozenLinear.apply(x.to(dtype), self.weight, self.bias))

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> QuantizedLinear:
        """Moving: what the weight holds is moved as it is. quanto would pack it anew for its own kernels."""
        weight = self.weight
        if not isinstance(weight, QTensor | Nf4Weight):
            super()._apply(fn, recurse)
            return self
        move = partial(_as_bytes if isinstance(weight, Nf4Weight) else _moved, fn)
        self.register_parameter("weight", None)
        super()._apply(fn, recurse)
        self.weight = nn.Parameter(rebuilt(weight, move), requires_grad=False)
        return self


class _FrozenLinear(torch.autograd.Function):
    """The weight is unpacked for the product and again for the gradient of the input; nothing is kept in between."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        ctx.weight = weight
        return F.linear(x, dequantized(weight, x.dtype), None if bias is None else bias.to(x.dtype))

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None]:
        (gradient,) = gradients
        return gradient @ dequantized(ctx.weight, gradient.dtype), None, None


def quantizer(transformer: nn.Module, kind: str, *, dtype: torch.dtype, device: torch.device | str) -> Place:
    """Make room for quantized weights in a transformer on the meta device; the answer is for ``reading.fill``.

    ``dtype`` is what the scales are held in and what unquantized weights get. Raises KeyError for an unknown kind (the
    schema knows them all).
    """
    chosen = {
        name: module
        for name, module in transformer.named_modules()
        if isinstance(module, nn.Linear) and is_quantized(official_name(name))
    }
    for name, old in chosen.items():
        with torch.device("meta"):
            new = QuantizedLinear(old.in_features, old.out_features, bias=old.bias is not None)
        transformer.set_submodule(name, new)
    return _Rounding(frozenset(f"{name}.weight" for name in chosen), TYPES[kind], dtype, torch.device(device))


@dataclass
class _Rounding:
    """Rounds the weights of these names as they come from the file."""

    names: frozenset[str]
    target: Any
    dtype: torch.dtype
    device: torch.device
    since: int = 0
    """Bytes that came since memory was last given back."""

    def __call__(self, name: str, stored: Tensor) -> Tensor | None:
        if name not in self.names:
            return None
        self.since += stored.nbytes
        if self.since >= _GIVE_BACK:
            give_back()
            self.since = 0
        return quantized(stored.to(device=self.device, dtype=self.dtype), self.target)


@torch.no_grad()
def quantized(weight_OI: Tensor, target: Any) -> Tensor:
    """A weight rounded to one of ``TYPES``, as a tensor that still has its shape and says what it was computed in."""
    if target is Nf4Weight:
        return rounded(weight_OI)
    if target.bits == _BYTE:
        scale_O1 = _usable(AbsmaxOptimizer()(weight_OI, qtype=target, axis=0))
        return cast(Tensor, quantize_weight(weight_OI, target, axis=0, scale=scale_O1, optimized=False))
    size = group_size(weight_OI.shape[1])
    scale, shift = MaxOptimizer()(weight_OI, qtype=target, axis=0, group_size=size)
    arguments = {"axis": 0, "scale": _usable(scale), "shift": shift, "group_size": size, "optimized": False}
    return cast(Tensor, quantize_weight(weight_OI, target, **arguments))


def group_size(width: int) -> int | None:
    """How many numbers of a row share a scale below eight bits; None: the whole row. quanto's rule."""
    if width <= _GROUP:
        return None
    sizes = range(_GROUP, 0, -_GROUP_STEP)
    return next((size for size in sizes if width % size == 0), None)


def dequantized(weight: Tensor, dtype: torch.dtype) -> Tensor:
    """The plain matrix ``[out, in]`` of a quantized weight. Scratch: this, below eight bits its packed bytes too."""
    if isinstance(weight, Nf4Weight):
        return unpacked(weight, dtype)
    if isinstance(weight, WeightQBytesTensor):
        data_OI, scale_O1 = weight._data, weight._scale.to(dtype)
        # Integers are widened by the product itself, in one pass; floating point of eight bits must be asked.
        return data_OI.to(dtype).mul_(scale_O1) if data_OI.is_floating_point() else data_OI * scale_O1
    assert isinstance(weight, WeightQBitsTensor)
    return _unpacked(weight, dtype)


def _unpacked(weight: Any, dtype: torch.dtype) -> Tensor:
    """Each byte holds the numbers of 8 / bits rows that lie a fixed distance apart; a row is a group."""
    packed_RG, bits = weight._data._data, weight._data.bits
    scale_N1, negative_N1 = weight._scale.to(dtype), -weight._shift.to(dtype)
    rows, total = packed_RG.shape[0], weight._data.shape[0]
    out_NG = torch.empty(total, packed_RG.shape[1], dtype=dtype, device=packed_RG.device)
    for index in range(_BYTE // bits):
        part = slice(index * rows, min((index + 1) * rows, total))
        out = out_NG[part]
        out.copy_(packed_RG[: out.shape[0]].bitwise_right_shift(index * bits).bitwise_and_(2**bits - 1))
        torch.addcmul(negative_N1[part], out, scale_N1[part], out=out)
    return out_NG.reshape(weight.shape)


def report(transformer: nn.Module) -> QuantizedReport:
    """Count what is quantized."""
    found = [module for module in transformer.modules() if isinstance(module, QuantizedLinear)]
    nbytes = sum(tensor.nbytes for module in found for tensor in plain_tensors(module.weight))
    return QuantizedReport(len(found), sum(module.weight.numel() for module in found), nbytes)


def _moved(fn: Callable[[Tensor], Tensor], held: Tensor) -> Tensor:
    """A change of dtype concerns the scales; numbers of eight bits are what they are."""
    return fn(held) if held.itemsize > 1 else _as_bytes(fn, held)


def _as_bytes(fn: Callable[[Tensor], Tensor], held: Tensor) -> Tensor:
    """Moved, whatever else ``fn`` would change."""
    return fn(held.reshape(-1).view(torch.uint8)).view(held.dtype).view(held.shape)


def _usable(scale: Tensor) -> Tensor:
    """A row of equal numbers has the scale 0, and dividing by it would make NaN of the row."""
    return torch.where(scale == 0, torch.ones_like(scale), scale)
