"""How many passes of a guided step go through the transformer together."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, TypeVar

import torch

from trainer.model.out_of_memory import is_out_of_memory
from trainer.model.transformer import LtxTransformer
from trainer.validation.entries import free_memory
from trainer.validation.sampler import Tracks

T = TypeVar("T")

_VALUES: Final = 40
"""Of a token's width: what one block holds at its fullest (nine rows of modulation and five for the other modality,
the states, query, key and value, the wide middle of the feed-forward), rounded up."""
_BYTES: Final = 4
_SPARE: Final = 0.9
"""Of the free memory."""


def passes_at_once(transformer: LtxTransformer, tracks: Tracks, passes: int, device: torch.device) -> int:
    """All of them when the memory that is free now holds their activations, else as many as it holds, at least one.

    On a processor always all: fewer and larger products are faster there, and its memory is not what is short.
    """
    if device.type != "cuda":
        return passes
    unused = torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
    free = torch.cuda.mem_get_info(device)[0] + unused
    return rows_in(int(free * _SPARE), row_bytes(transformer, tracks), passes)


def rows_in(free: int, each: int, wanted: int) -> int:
    """How many of ``wanted`` rows of ``each`` bytes fit; at least one."""
    return max(1, min(wanted, free // each))


def first_that_fits(work: Callable[[int], T], at_once: int, device: torch.device) -> T:
    """``work`` with so many passes at once; one by one when memory runs out, for the rule above is an estimate."""
    try:
        return work(at_once)
    except RuntimeError as error:
        if at_once == 1 or not is_out_of_memory(error):
            raise
    # Outside the handler: its traceback would keep what filled the memory.
    free_memory(device)
    return work(1)


def row_bytes(transformer: LtxTransformer, tracks: Tracks) -> int:
    """About what one pass needs beside the weights, in bytes."""
    config = transformer.config
    widths = {
        "video": config.num_attention_heads * config.attention_head_dim,
        "audio": config.audio_num_attention_heads * config.audio_attention_head_dim,
    }
    values = sum(track.state.tokens.shape[1] * widths[name] for name, track in tracks.present().items())
    return int(values * _VALUES * _BYTES)
