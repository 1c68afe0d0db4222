"""The text encoder's linear layers in eight bits, by bitsandbytes (LLM.int8())."""

from __future__ import annotations

import logging
from typing import Final

import torch
from torch import Tensor, nn

from schemas.errors import EnvironmentFault
from trainer.model.reading import Place

_INT8_THRESHOLD: Final = 6.0
"""Activations beyond this stay in fp16 (LLM.int8() outlier threshold)."""


def check_8bit(device: torch.device | str) -> None:
    """Raises EnvironmentFault where the layers cannot run."""
    if torch.device(device).type != "cuda" or not torch.cuda.is_available():
        raise EnvironmentFault(
            "the text encoder cannot run in 8 bit here",
            where="acceleration.load_text_encoder_in_8bit",
            why="bitsandbytes' 8-bit layers need a CUDA device",
            hint="set it to false; the text encoder then takes about 24 GB",
        )


def as_8bit(model: nn.Module, device: torch.device | str) -> Place:
    """Swap the linear layers for 8-bit ones and answer the place that rounds their weights one by one."""
    from bitsandbytes.nn import Int8Params, Linear8bitLt

    # It would say for every layer of every prompt that it computes in fp16, which is what 8 bit means here.
    logging.getLogger("bitsandbytes.autograd._functions").setLevel(logging.ERROR)
    linear = [name for name, module in model.named_modules() if isinstance(module, nn.Linear)]
    for name in linear:
        parent, _, child = name.rpartition(".")
        old = model.get_submodule(name)
        with torch.device("meta"):
            new = Linear8bitLt(
                old.in_features,
                old.out_features,
                bias=old.bias is not None,
                has_fp16_weights=False,
                threshold=_INT8_THRESHOLD,
            )
        setattr(model.get_submodule(parent), child, new)
    weights = {f"{name}.weight" for name in linear}

    def place(name: str, stored: Tensor) -> Tensor | None:
        if name not in weights:
            return None
        # Moving to the device is what rounds.
        return Int8Params(stored.to(torch.float16), requires_grad=False, has_fp16_weights=False).to(device)

    return place
