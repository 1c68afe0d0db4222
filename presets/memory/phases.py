"""What each phase of a run holds on the card, by category.

The phases follow one another in one process; none inherits memory from the one before but for what the trained model
itself holds. ``latent_encoding`` is a phase of ``prepare``, the others are phases of ``train``.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

from presets.memory.decoding import ClipSize, decode_bytes, encode_bytes
from presets.memory.run import GROUP, WEIGHT_BITS, Adapters, RunShape, adapters
from presets.memory.shapes import MODALITIES, Layout, LinearShape, ModelShape
from presets.memory.step import forward_stage, training_stages
from presets.memory.tape import FP32, HALF, Kind

Categories = dict[str, int]
"""Category -> bytes."""

WEIGHTS: Final = "weights"
ADAPTER: Final = "adapter"
GRADIENTS: Final = "gradients"
OPTIMIZER: Final = "optimizer"
ACTIVATIONS: Final = "activations"
"""Kept for the backward pass, the batch included; outside of training whatever is on its way."""
RECOMPUTE: Final = "recompute"
WORKSPACE: Final = "workspace"

EIGHT_BIT_BLOCK: Final = 256
"""bitsandbytes keeps one fp32 scale for this many 8-bit numbers of a state."""
EIGHT_BIT_LEAST: Final = 4096
"""Tensors with fewer numbers keep their state in fp32."""
EMBEDDING: Final = 262_208 * 3840
"""Numbers in Gemma's embedding, which 8 bits leave alone: only linear layers are converted."""
SOUND_BYTES: Final = 768 << 20
"""Decoding a few seconds of sound in fp32 beyond the weights: an upper bound, not measured."""


@dataclass(frozen=True, slots=True)
class ValidationShape:
    """The largest validation sample; None elsewhere means that there is none."""

    clip: ClipSize | None
    """None: sound alone."""
    video_tokens: int
    audio_tokens: int
    offload_optimizer: bool = False
    conditions: bool = False
    """Samples are given something, so that their tokens have noise levels of their own."""


@dataclass(frozen=True, slots=True)
class TextShape:
    """Prompts that the run itself encodes."""

    in_8bit: bool = False
    encodes_prompts: bool = True
    """False: no validation prompts, only the connectors run over the captions."""


@dataclass(frozen=True, slots=True)
class Resident:
    """What the trained model holds from loading to the end of the run."""

    weights: int
    adapter: int
    gradients: int
    """Of all trained parameters, when they are complete."""
    optimizer: int
    trained: int
    """Number of trained parameters."""
    dequantized: int
    """Scratch of the largest quantized layer; 0 without quantization."""

    def categories(self, *, optimizer: bool = True) -> Categories:
        return {WEIGHTS: self.weights, ADAPTER: self.adapter, OPTIMIZER: self.optimizer if optimizer else 0}


def resident(plan: Layout, run: RunShape) -> Resident:
    """Weights, adapters and optimizer state of a run."""
    found = adapters(plan, run)
    trained = plan.parameters if run.full else found.parameters
    bits = WEIGHT_BITS.get(run.quantization)
    return Resident(
        weights=_weight_bytes(plan, run, bits),
        adapter=0 if run.full else FP32 * trained * (2 if run.averaged else 1),
        gradients=FP32 * trained,
        optimizer=_optimizer_bytes(plan, run, found, trained),
        trained=trained,
        dequantized=0 if bits is None else HALF * max(linear.weight for linear in plan.block),
    )


def training_step(model: ModelShape, run: RunShape, held: Resident) -> Categories:
    """The worst moment of an optimizer step in steady state, the optimizer's state included.

    With accumulation the gradients of earlier micro-steps are there all the time. The optimizer is fused and clipping
    works in place, so the update itself needs nothing beyond the gradients.
    """
    fixed = held.categories()
    before = held.gradients if run.accumulation > 1 else 0
    stage = max(training_stages(model, run), key=lambda stage: stage.total)
    moment = {
        **fixed,
        GRADIENTS: before if before else stage.live[Kind.GRADIENT],
        ACTIVATIONS: stage.live[Kind.SAVED],
        RECOMPUTE: stage.live[Kind.RECOMPUTED],
        WORKSPACE: stage.live[Kind.WORKSPACE] + held.dequantized,
    }
    update = {**fixed, GRADIENTS: held.gradients}
    return max(moment, update, key=lambda found: sum(found.values()))


def loading(held: Resident, plan: Layout) -> Categories:
    """Tensors go one by one from the file to the card, so only the largest is there twice."""
    largest = max(linear.weight for linear in (*plan.block, *plan.root))
    return {WEIGHTS: held.weights, ADAPTER: held.adapter, WORKSPACE: HALF * largest}


def validation(model: ModelShape, run: RunShape, held: Resident, sample: ValidationShape) -> Categories:
    """Denoising, one pass at a time, or decoding beside the model, whichever needs more."""
    fixed = held.categories(optimizer=not sample.offload_optimizer)
    video = sample.video_tokens if "video" in run.modalities else 0
    audio = sample.audio_tokens if "audio" in run.modalities else 0
    moments = []
    if video or audio:
        mixed = MODALITIES if sample.conditions else ()
        single = replace(run, video_tokens=video, audio_tokens=audio, batch=1, mixed=mixed)
        stage = forward_stage(model, single)
        moments.append({**fixed, ACTIVATIONS: stage.total, WORKSPACE: held.dequantized})
    if sample.clip is not None and video:
        decoder = HALF * model.parts.video_decoder
        moments.append({**_with(fixed, decoder), ACTIVATIONS: decode_bytes(model, sample.clip)})
    if audio:
        sound = FP32 * (model.parts.audio_decoder + model.parts.vocoder)
        moments.append({**_with(fixed, sound), ACTIVATIONS: SOUND_BYTES})
    return max(moments, key=lambda found: sum(found.values()), default=fixed)


def text_encoding(model: ModelShape, run: RunShape, text: TextShape) -> Categories:
    """Text encoder, extractor and connectors one after the other, before the transformer is loaded."""
    parts = model.parts
    states = run.text_tokens * parts.text_hidden * parts.text_states * HALF
    connectors = sum(
        count
        for name, count in (("video", parts.video_connector), ("audio", parts.audio_connector))
        if name in run.modalities
    )
    widest = max((model.branch(name).width for name in run.modalities), default=0)
    moments = [{WEIGHTS: HALF * connectors, ACTIVATIONS: run.text_tokens * widest * 40}]
    if text.encodes_prompts:
        encoder = HALF * parts.text_encoder
        if text.in_8bit:
            encoder = HALF * EMBEDDING + (parts.text_encoder - EMBEDDING)
        # All hidden states, then all of them once more, joined; projecting works on four copies of their size.
        moments.append({WEIGHTS: encoder, ACTIVATIONS: 2 * states + run.text_tokens * parts.text_hidden * 32})
        moments.append({WEIGHTS: HALF * parts.extractor, ACTIVATIONS: 4 * states})
    return max(moments, key=lambda found: sum(found.values()))


def latent_encoding(model: ModelShape, clip: ClipSize) -> Categories:
    """The video encoder alone, on one clip at a time, without tiles."""
    return {WEIGHTS: HALF * model.parts.video_encoder, ACTIVATIONS: encode_bytes(model, clip)}


def saving(held: Resident) -> Categories:
    """Copies go to host memory: the card holds what it held."""
    return held.categories()


def _with(fixed: Categories, weights: int) -> Categories:
    return {**fixed, WEIGHTS: fixed[WEIGHTS] + weights}


def _weight_bytes(plan: Layout, run: RunShape, bits: int | None) -> int:
    width = FP32 if run.full or not run.half else HALF
    if bits is None or run.full:
        return width * plan.parameters
    quantized = sum(linear.weight for linear in plan.block)
    packed = sum(_quantized(linear, bits) for linear in plan.block)
    return width * (plan.parameters - plan.layers * quantized) + plan.layers * packed


def _quantized(linear: LinearShape, bits: int) -> int:
    """A weight in ``bits`` with its scales; see ``run.WEIGHT_BITS``."""
    extra = HALF * linear.fan_out if bits == 8 else 2 * HALF * linear.weight // GROUP
    return linear.weight * bits // 8 + extra


def _optimizer_bytes(plan: Layout, run: RunShape, found: Adapters, trained: int) -> int:
    """Two moments per parameter: fp32, or 8 bits with a scale per block."""
    if run.optimizer == "adamw":
        return 2 * FP32 * trained
    small = plan.layers * plan.block_vectors if run.full else 0
    del found
    large = trained - small
    return 2 * FP32 * small + 2 * (large + FP32 * large // EIGHT_BIT_BLOCK)
