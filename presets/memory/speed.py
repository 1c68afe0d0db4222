"""About how much longer one way of training takes than another.

Only ratios are used. They come from counting: multiplications of the linear layers and of attention, bytes that swapped
blocks travel, bytes that unpacking quantized weights moves. The three rates are those of a present card of middle size,
rounded, not measured on any.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from presets.memory.phases import block_bytes
from presets.memory.run import WEIGHT_BITS, RunShape
from presets.memory.shapes import LinearShape, ModelShape, layout
from presets.memory.tape import HALF

COMPUTE: Final = 80e12
"""Multiplications and additions a second in 16 bit that a transformer reaches."""
FP32_COST: Final = 4
LINK: Final = 20e9
"""Bytes a second from host memory to the card."""
MEMORY: Final = 800e9
"""Bytes a second within the card."""
HIDDEN: Final = 0.8
"""Of the computing time can hide transfers."""
FELT: Final = 0.3
"""Of a transfer costs time even where it is hidden: it shares the card's memory with the computation, and a block that
is not there yet is waited for. An assumption that favours recomputing where the two would cost about the same."""
UNPACKED: Final = {8: 2, 4: 6, 2: 6}
"""Times that a weight is read or written in 16 bit when it is unpacked from so many bits."""


@dataclass(frozen=True, slots=True)
class Pace:
    """Seconds that parts of a step take, per block and pass."""

    layers: int
    compute: float
    transfer: float
    backward: int
    """Passes' worth of computing in the backward pass: one, two when weights get gradients."""
    batch: int

    def seconds(self, swapped: int, recomputed: int) -> float:
        """One sample of a step."""
        forward = self.layers * self.compute
        backward = (self.backward * self.layers + recomputed) * self.compute
        travel = swapped * self.transfer
        exposed = max(0.0, travel - HIDDEN * forward) + max(0.0, travel - HIDDEN * backward)
        return (forward + backward + max(exposed, 2 * FELT * travel)) / self.batch


def pace(model: ModelShape, run: RunShape) -> Pace:
    """Of the run with any number of swapped and recomputed blocks."""
    plan = layout(model, run.modalities)
    work = sum(2 * linear.weight * _rows(linear, run) for linear in plan.block) * run.batch
    for name in run.modalities:
        work += 4 * run.batch * run.tokens(name) ** 2 * model.branch(name).width
    compute = work / COMPUTE * (1 if run.half else FP32_COST)
    bits = None if run.full else WEIGHT_BITS.get(run.quantization)
    if bits is not None:
        compute += UNPACKED[bits] * HALF * sum(linear.weight for linear in plan.block) / MEMORY
    return Pace(model.layers, compute, block_bytes(plan, run) / LINK, 2 if run.full else 1, run.batch)


def seconds(model: ModelShape, run: RunShape) -> float:
    """One sample of a step, as the run is."""
    return pace(model, run).seconds(min(run.swapped, model.layers), run.recomputes(model.layers))


def _rows(linear: LinearShape, run: RunShape) -> int:
    """Tokens that go through a layer of a block."""
    module, _, part = linear.name.partition(".")
    source = part.startswith(("to_k", "to_v"))
    if module.endswith("attn2") and source:
        return run.text_tokens
    if module in ("audio_to_video_attn", "video_to_audio_attn"):
        audio = (module == "audio_to_video_attn") == source
    else:
        audio = module.startswith("audio_")
    return run.audio_tokens if audio else run.video_tokens
