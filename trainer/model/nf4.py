"""Weights in NF4, bitsandbytes' four-bit floats whose sixteen values are the quantiles of a normal distribution.

Sixty-four numbers share a scale; the scales are rounded to eight bits themselves, 256 with one fp32 scale. That makes
4.127 bits a weight. Weights that are about normally distributed lose less than in ``int4-quanto`` of 4.25 bits, and
both rounding and unpacking are one call of the library, which has kernels for processors and CUDA.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, cast

import torch
from bitsandbytes import functional as bnb
from torch import Tensor

BLOCK: Final = 64
"""Numbers that share a scale."""
SCALES: Final = 256
"""Scales that share a scale."""
_INSIDE: Final = ["packed", "absmax", "second", "offset"]


class Nf4Weight(Tensor):
    """A shell around the packed numbers: it has the shape and dtype of the matrix and the memory of its contents.

    ``packed`` uint8 [numel / 2], ``absmax`` uint8 [numel / 64], ``second`` fp32 [numel / 64 / 256] and ``offset`` fp32
    [] are what the scales are made of.
    """

    packed: Tensor
    absmax: Tensor
    second: Tensor
    offset: Tensor

    @staticmethod
    def __new__(
        cls, packed: Tensor, absmax: Tensor, second: Tensor, offset: Tensor, *, shape: torch.Size, dtype: torch.dtype
    ) -> Nf4Weight:
        shell = Tensor._make_wrapper_subclass(cls, shape, dtype=dtype, device=packed.device, requires_grad=False)
        shell.packed, shell.absmax, shell.second, shell.offset = packed, absmax, second, offset
        return shell

    def __tensor_flatten__(self) -> tuple[list[str], dict[str, Any]]:
        return list(_INSIDE), {"shape": self.shape, "dtype": self.dtype}

    @staticmethod
    def __tensor_unflatten__(
        inside: Mapping[str, Tensor], meaning: Mapping[str, Any], _size: object, _stride: object
    ) -> Nf4Weight:
        return Nf4Weight(*(inside[name] for name in _INSIDE), **meaning)

    @classmethod
    def __torch_dispatch__(  # type: ignore[override] # torch's own stub leaves out ``func``
        cls, func: Any, types: Sequence[type], args: tuple[Any, ...] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        """What a parameter that is only held needs: to be detached and copied. Numbers come from ``unpacked``."""
        del types
        if func in (torch.ops.aten.detach.default, torch.ops.aten.alias.default):
            return _each(args[0], lambda held: held.detach())
        if func is torch.ops.aten.clone.default:
            return _each(args[0], lambda held: held.clone())
        if func is torch.ops.aten._to_copy.default:
            device = (kwargs or {}).get("device") or args[0].device
            return _each(args[0], lambda held: held.to(device, copy=True))
        raise NotImplementedError(f"{func} of a weight in NF4")

    def __repr__(self, *, tensor_contents: Any = None) -> str:  # type: ignore[override] # torch's own is untyped
        del tensor_contents
        return f"Nf4Weight({tuple(self.shape)}, {self.dtype}, device={self.device})"


def _each(weight: Nf4Weight, change: Any) -> Nf4Weight:
    inside = (change(getattr(weight, name)) for name in _INSIDE)
    return Nf4Weight(*inside, shape=weight.shape, dtype=weight.dtype)


@torch.no_grad()
def rounded(weight_OI: Tensor) -> Nf4Weight:
    """The matrix in NF4, on its own device."""
    packed, state = bnb.quantize_4bit(weight_OI, blocksize=BLOCK, quant_type="nf4", compress_statistics=True)
    return Nf4Weight(
        packed.flatten(),
        state.absmax,
        state.state2.absmax,
        state.offset,
        shape=weight_OI.shape,
        dtype=weight_OI.dtype,
    )


def unpacked(weight: Nf4Weight, dtype: torch.dtype) -> Tensor:
    """The plain matrix ``[out, in]``. Scratch: this, and four bytes for every 64 numbers."""
    device = weight.packed.device
    scales = bnb.QuantState(weight.second, code=_table("scales", device), blocksize=SCALES, dtype=torch.float32)
    state = bnb.QuantState(
        weight.absmax,
        shape=weight.shape,
        code=_table("nf4", device),
        blocksize=BLOCK,
        quant_type="nf4",
        dtype=dtype,
        offset=weight.offset,
        state2=scales,
    )
    return cast(Tensor, bnb.dequantize_4bit(weight.packed[:, None], state))


_TABLES: dict[tuple[str, torch.device], Tensor] = {}


def _table(name: str, device: torch.device) -> Tensor:
    """What the codes mean; the same for every weight, so held once for each device."""
    if (name, device) not in _TABLES:
        made = bnb.create_dynamic_map() if name == "scales" else bnb.get_4bit_type(name, device="cpu")
        _TABLES[name, device] = made.to(device)
    return _TABLES[name, device]
