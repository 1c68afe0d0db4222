"""Randomness as a function of a key, never of what ran before.

Noise, data order and dropout are keyed on the run's seed and their place in the run. So there is no random state to
save, and neither validation nor a restart nor a skipped step can disturb it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable

import torch


def seed_of(*key: int | str) -> int:
    """A 63-bit seed from a key, the same on every machine and in every version of Python."""
    digest = hashlib.blake2b("\x1f".join(map(str, key)).encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") >> 1


def generator(*key: int | str) -> torch.Generator:
    """A CPU generator that starts at the state its key names."""
    return torch.Generator().manual_seed(seed_of(*key))


def sample_stream(seed: int, rank: int, step: int) -> Callable[[int, str], torch.Generator]:
    """Streams of one optimizer step: ``stream(slot, purpose)``.

    ``slot`` numbers the samples of the step on this rank across its micro-batches, so that accumulating two batches
    of one draws what a batch of two draws.
    """

    def stream(slot: int, purpose: str) -> torch.Generator:
        return generator(seed, rank, step, slot, purpose)

    return stream


def seed_forward(seed: int, rank: int, step: int, micro_step: int) -> None:
    """Seed the global generators, which dropout uses, for one micro-batch."""
    torch.manual_seed(seed_of(seed, rank, step, micro_step, "forward"))
