from __future__ import annotations

import torch
from diffusers.models.transformers.transformer_ltx2 import LTX2Attention, apply_split_rotary_emb

from trainer.model.attention import attend, rotate, strength_bias


def attention(gated: bool = False) -> LTX2Attention:
    torch.manual_seed(0)
    return LTX2Attention(
        16, heads=2, kv_heads=2, dim_head=8, cross_attention_dim=12, rope_type="split", apply_gated_attention=gated
    )


def test_half_strength_halves_a_tokens_weight() -> None:
    """The weight of a token with strength s is s times its plain weight, before normalisation."""
    logits = torch.randn(1, 5)
    strength = torch.tensor([[1.0, 0.5, 0.0, 1.0, 0.25]])
    found = (logits + strength_bias(strength)).softmax(-1)
    expected = logits.exp() * strength
    torch.testing.assert_close(found, expected / expected.sum())


def test_a_row_without_any_strength_stays_finite() -> None:
    for dtype in (torch.float32, torch.bfloat16, torch.float16):
        assert (torch.zeros(4, dtype=dtype) + strength_bias(torch.zeros(4)).to(dtype)).softmax(-1).isfinite().all()


def test_rotation_is_the_stock_one() -> None:
    x = torch.randn(2, 3, 5, 8)
    angles = torch.randn(2, 3, 5, 4)
    rope = (angles.cos(), angles.sin())
    torch.testing.assert_close(rotate(x, rope), apply_split_rotary_emb(x, rope))
    assert rotate(x.bfloat16(), rope).dtype == torch.bfloat16


def test_attention_is_the_stock_one() -> None:
    x, context = torch.randn(2, 5, 16), torch.randn(2, 3, 12)
    for gated in (False, True):
        module = attention(gated)
        with torch.no_grad():
            torch.testing.assert_close(attend(module, x, context), module(x, context))


def test_values_only_ignores_queries_and_keys() -> None:
    module = attention()
    context = torch.randn(2, 5, 12)
    with torch.no_grad():
        before = attend(module, torch.randn(2, 5, 16), context, values_only=True)
        module.to_k.weight.zero_()
        after = attend(module, torch.randn(2, 5, 16), context, values_only=True)
        expected = module.to_out[0](module.to_v(context))
    torch.testing.assert_close(before, expected)
    torch.testing.assert_close(after, expected)
