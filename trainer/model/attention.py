"""Attention of LTX-2: query/key norm over the whole width, split rotary positions, a learned gate per head.

The modules are diffusers' ``LTX2Attention``; only the arithmetic around them is ours, because the stock processors
know neither masks in logarithmic form nor skipping per modality.
"""

from __future__ import annotations

from typing import Any, Final

import torch
import torch.nn.functional as F
from torch import Tensor

_NOTHING: Final = torch.finfo(torch.float16).min
"""Finite in every dtype, so that a row without any strength becomes an even mixture and not NaN."""

Rope = tuple[Tensor, Tensor]
"""cos and sin, each ``[B, H, N, head width / 2]`` fp32."""


def attend(
    attn: Any,
    x_BND: Tensor,
    context_BSD: Tensor | None = None,
    *,
    bias: Tensor | None = None,
    rope: Rope | None = None,
    context_rope: Rope | None = None,
    values_only: bool | Tensor = False,
) -> Tensor:
    """``[B, N, D]``: x attends to itself or to the context.

    ``bias`` is added to the logits and broadcasts to ``[B, H, N, S]``. ``values_only`` replaces the attention by the
    values themselves, which is the perturbation of spatio-temporal guidance; as a tensor ``[B]`` in those rows.
    """
    source_BSD = x_BND if context_BSD is None else context_BSD
    value_BSD = attn.to_v(source_BSD)
    unmixed_BSHd = value_BSD.unflatten(-1, (attn.heads, -1))
    if values_only is True:
        mixed_BNHd = unmixed_BSHd
    else:
        query_BHNd = _heads(attn.norm_q(attn.to_q(x_BND)), attn.heads)
        key_BHSd = _heads(attn.norm_k(attn.to_k(source_BSD)), attn.heads)
        if rope is not None:
            query_BHNd = rotate(query_BHNd, rope)
            key_BHSd = rotate(key_BHSd, context_rope or rope)
        if bias is not None:
            bias = bias.to(query_BHNd.dtype)
        mixed_BHNd = F.scaled_dot_product_attention(query_BHNd, key_BHSd, _heads(value_BSD, attn.heads), attn_mask=bias)
        mixed_BNHd = mixed_BHNd.transpose(1, 2)
        if isinstance(values_only, Tensor):
            mixed_BNHd = torch.where(values_only[:, None, None, None], unmixed_BSHd, mixed_BNHd)
    if attn.to_gate_logits is not None:
        # Twice the sigmoid: a gate of zero logits leaves the attention as it is.
        mixed_BNHd = mixed_BNHd * (2.0 * torch.sigmoid(attn.to_gate_logits(x_BND))).unsqueeze(-1)
    return attn.to_out[0](mixed_BNHd.flatten(2))


def rotate(x_BHNd: Tensor, rope: Rope) -> Tensor:
    """Rotate the first half of each head against the second; in fp32, as the positions need it."""
    cos, sin = rope
    first, second = x_BHNd.float().chunk(2, dim=-1)
    return torch.cat((first * cos - second * sin, second * cos + first * sin), dim=-1).to(x_BHNd.dtype)


def strength_bias(strength: Tensor) -> Tensor:
    """Attention strength in [0, 1] as an additive bias: its logarithm, and for 0 a number whose exponential is 0.

    With the logarithm a strength of 0.5 halves a token's weight before normalisation, whatever its logit.
    """
    strength = strength.float()
    return torch.where(strength > 0, strength.clamp_min(torch.finfo(torch.float32).tiny).log(), _NOTHING)


def _heads(x_BND: Tensor, heads: int) -> Tensor:
    return x_BND.unflatten(-1, (heads, -1)).transpose(1, 2)
