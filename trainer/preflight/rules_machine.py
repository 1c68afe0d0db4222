"""What this machine's card can do and what it holds. Where there is no card nothing is said: a configuration may be
checked elsewhere than it is trained."""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import cache
from typing import Final

from presets.gpus import find_gpus
from presets.memory import GIB, Card, Proposal, known, solve, weigh
from presets.memory.card import card as card_here
from presets.memory.card import host_memory
from schemas.errors import EXIT_ENVIRONMENT
from trainer.preflight.facts import Facts
from trainer.preflight.memory import job_of
from trainer.preflight.problem import Problem, error, warning

BF16_SINCE: Final = (8, 0)
"""Compute capability from which on bf16 is computed by the card itself (Ampere)."""
FP8_SINCE: Final = (8, 9)
"""Compute capability from which on a card converts eight-bit floats by itself (Ada)."""
SLOW: Final = ("int4-quanto",)


def precision(facts: Facts) -> Iterator[Problem]:
    """bf16 on a card that has to imitate it."""
    found = compute_capability()
    if facts.config.acceleration.mixed_precision_mode == "bf16" and found is not None and found < BF16_SINCE:
        yield warning(
            "precision-old-card",
            "acceleration.mixed_precision_mode",
            f"this card (compute capability {found[0]}.{found[1]}) has no bf16 of its own and imitates it slowly",
            "train on a card of the Ampere generation (RTX 30) or newer",
        )


def quantization(facts: Facts) -> Iterator[Problem]:
    """Kinds that cost time, everywhere or on this card. All of them work: weights are only stored in fewer bits."""
    kind, found = facts.config.acceleration.quantization, compute_capability()
    if kind in SLOW:
        yield warning(
            "quantization-slow",
            "acceleration.quantization",
            f"{kind} is unpacked in several passes over every weight: about three times the work of int8-quanto's",
            "int8-quanto where it fits; nf4-bnb is smaller than int4-quanto and unpacked in one pass",
        )
    if kind is not None and kind.startswith("fp8") and found is not None and found < FP8_SINCE:
        yield warning(
            "quantization-old-card",
            "acceleration.quantization",
            f"this card (compute capability {found[0]}.{found[1]}) has no fp8 of its own: every weight is converted by "
            "software in each pass",
            "int8-quanto takes the same memory and is closer to the original",
        )


def text_encoder(facts: Facts) -> Iterator[Problem]:
    """The text encoder in 8 bits without a card that has the layers for it."""
    settings = facts.config.acceleration
    eight = settings.load_text_encoder_in_8bit and not settings.stream_text_encoder
    if eight and facts.validates and compute_capability() is None:
        yield warning(
            "text-encoder-not-8bit",
            "acceleration.load_text_encoder_in_8bit",
            "no NVIDIA card is seen here, and the 8-bit text encoder needs one: on this machine it runs in full "
            "precision and takes about 24 GB",
            "leave it for the machine with the card, or set it to false",
        )


def memory(facts: Facts, card: Card | None = None) -> Iterator[Problem]:
    """A run that cannot fit the card, with the nearest one that does. ``card`` None: that of this machine, if any."""
    card = card_here() if card is None else card
    if card is None:
        return
    job = job_of(facts)
    found = weigh(job, card)
    host = host_memory()
    if not found.fits(card.memory):
        proposals = solve(job, card.memory, host, "best quality", known(job, card))
        phase = found.dominant.replace("_", " ")
        yield error(
            "memory-card",
            "",
            f"needs {_gb(found.peak_bytes)} in the phase {phase}, and the card has {_gb(card.memory)}",
            _nearest(proposals[0]),
            exit_code=EXIT_ENVIRONMENT,
        )
    elif host is not None and found.host_bytes > host:
        yield warning(
            "memory-host",
            "",
            f"needs {_gb(found.host_bytes)} of host memory, and this machine has {_gb(host)}",
            "swap fewer blocks, or store the weights in fewer bits; see `ltx2-wizard estimate`",
        )


def _nearest(proposal: Proposal) -> str:
    changes = ", ".join(f"{change.path}={json.dumps(change.value)}" for change in proposal.changes)
    if not proposal.fits:
        return f"use smaller or shorter clips; even with {changes} it needs {_gb(proposal.peak_bytes)}"
    price = f"{proposal.slowdown:.2f} times as long, {proposal.quality}"
    return f"the nearest that fits: {changes} ({_gb(proposal.peak_bytes)}; {price}); more with `ltx2-wizard estimate`"


def _gb(size: int) -> str:
    return f"{size / GIB:.1f} GB"


@cache
def compute_capability() -> tuple[int, int] | None:
    """Of the oldest NVIDIA card here; None when there is none or its driver does not answer."""
    return min((gpu.capability for gpu in find_gpus() if gpu.capability is not None), default=None)
