"""What each phase of a run holds on the card, by category.

The phases follow one another in one process; none inherits memory from the one before but for what the trained model
itself holds. ``latent_encoding`` is a phase of ``prepare``, the others are phases of ``train``.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Final

from presets.memory.decoding import ClipSize, decode_bytes, encode_bytes
from presets.memory.run import GROUP, GROUP_STEP, NF4, WEIGHT_BITS, RunShape, adapters
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
UNQUANTIZED: Final = "to_gate_logits"
"""Linear layers of a block that keep their precision: ``trainer.model.quantize.EXCLUDED``."""
STREAM_SLOTS: Final = 2
"""Layers of a streamed text encoder on the card."""
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
    aside: bool = False
    """The transformer waits in host memory while samples are decoded: what happens by itself when both do not fit."""


@dataclass(frozen=True, slots=True)
class TextShape:
    """Prompts that the run itself encodes."""

    in_8bit: bool = False
    streamed: bool = False
    """Layer by layer through the card, two at a time; what happens by itself when it does not fit otherwise."""
    encodes_prompts: bool = True
    """False: no validation prompts, only the connectors run over the captions."""
    prompts: int = 3
    """Prompts encoded together: their states wait in host memory."""


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
    swapped: int = 0
    """Frozen weights in pinned host memory."""

    def categories(self, *, optimizer: bool = True) -> Categories:
        return {WEIGHTS: self.weights, ADAPTER: self.adapter, OPTIMIZER: self.optimizer if optimizer else 0}


@lru_cache(maxsize=256)
def resident(plan: Layout, run: RunShape) -> Resident:
    """Weights, adapters and optimizer state of a run."""
    trained = plan.parameters if run.full else adapters(plan, run).parameters
    width = FP32 if run.full or not run.half else HALF
    block = block_bytes(plan, run)
    swapped = plan.layers - run.on_card(plan.layers)
    root = plan.parameters - plan.layers * plan.block_parameters
    return Resident(
        weights=width * root + (plan.layers - swapped) * block,
        adapter=0 if run.full else FP32 * trained * (2 if run.averaged else 1),
        gradients=FP32 * trained,
        optimizer=_optimizer_bytes(plan, run, trained),
        trained=trained,
        dequantized=_scratch(plan, run, width),
        swapped=min(run.swapped, plan.layers) * block,
    )


def block_bytes(plan: Layout, run: RunShape) -> int:
    """The frozen weights of one block, as the card and the host hold them."""
    width = FP32 if run.full or not run.half else HALF
    bits = None if run.full else WEIGHT_BITS.get(run.quantization)
    if bits is None:
        return width * plan.block_parameters
    rounded = [linear for linear in plan.block if not linear.name.endswith(UNQUANTIZED)]
    packed = sum(_nf4(linear) if run.quantization == NF4 else _quantized(linear, bits, width) for linear in rounded)
    return width * (plan.block_parameters - sum(linear.weight for linear in rounded)) + packed


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
    # What waits in host memory is the model with its adapters; the optimizer has a setting of its own.
    beside = {WEIGHTS: 0, ADAPTER: 0, OPTIMIZER: fixed[OPTIMIZER]} if sample.aside else fixed
    if sample.clip is not None and video:
        width = HALF if run.half else FP32
        decoder, working = width * model.parts.video_decoder, decode_bytes(model, sample.clip) * width // HALF
        moments.append({**_with(beside, decoder), ACTIVATIONS: working})
    if audio:
        sound = FP32 * (model.parts.audio_decoder + model.parts.vocoder)
        moments.append({**_with(beside, sound), ACTIVATIONS: SOUND_BYTES})
    return max(moments, key=lambda found: sum(found.values()), default=fixed)


def text_encoding(model: ModelShape, run: RunShape, text: TextShape) -> Categories:
    """Text encoder with the extractor beside it, then the connectors, before the transformer is loaded.

    Within a run the extractor comes after the text encoder; when data is prepared both work on a caption at once. The
    larger is meant. Streamed, the states wait in host memory and the extractor comes afterwards, alone.
    """
    parts, width = model.parts, HALF if run.half else FP32
    states = run.text_tokens * parts.text_hidden * parts.text_states * width
    working = run.text_tokens * parts.text_hidden * 32
    connectors = sum(
        count
        for name, count in (("video", parts.video_connector), ("audio", parts.audio_connector))
        if name in run.modalities
    )
    widest = max((model.branch(name).width for name in run.modalities), default=0)
    moments = [{WEIGHTS: width * connectors, ACTIVATIONS: run.text_tokens * widest * 40}]
    if text.encodes_prompts:
        # All hidden states, then all of them once more, joined; projecting works on four copies of their size.
        moments.append({WEIGHTS: width * parts.extractor, ACTIVATIONS: 4 * states})
        if text.streamed:
            moments.append({WEIGHTS: STREAM_SLOTS * width * parts.text_layer, ACTIVATIONS: working})
        else:
            encoder = text_weights(model, text, width) + width * parts.extractor
            moments.append({WEIGHTS: encoder, ACTIVATIONS: 2 * states + working})
    return max(moments, key=lambda found: sum(found.values()))


def text_weights(model: ModelShape, text: TextShape, width: int) -> int:
    """The text encoder as a whole, ``width`` bytes a number where it is not in eight bits."""
    parts = model.parts
    rest = parts.text_encoder - parts.text_embedding
    return width * parts.text_embedding + rest * (1 if text.in_8bit else width)


def latent_encoding(model: ModelShape, clip: ClipSize) -> Categories:
    """The video encoder alone, on one clip at a time, without tiles."""
    return {WEIGHTS: HALF * model.parts.video_encoder, ACTIVATIONS: encode_bytes(model, clip)}


def saving(held: Resident) -> Categories:
    """Copies go to host memory: the card holds what it held."""
    return held.categories()


def _with(fixed: Categories, weights: int) -> Categories:
    return {**fixed, WEIGHTS: fixed[WEIGHTS] + weights}


def _quantized(linear: LinearShape, bits: int, width: int) -> int:
    """A weight in ``bits`` with its scales of ``width`` bytes; see ``run.WEIGHT_BITS``."""
    packed = linear.weight * bits // 8
    if bits == 8:
        return packed + width * linear.fan_out
    groups = linear.weight // (group_size(linear.fan_in) or linear.fan_in)
    return packed + 2 * width * groups


def _nf4(linear: LinearShape) -> int:
    """Four bits, a byte for 64 numbers, an fp32 scale for 256 of those bytes, and one fp32 number."""
    scales = -(-linear.weight // 64)
    return -(-linear.weight // 2) + scales + FP32 * -(-scales // 256) + FP32


def group_size(fan_in: int) -> int | None:
    """How many numbers of a row share a scale below eight bits; None: the whole row."""
    if fan_in <= GROUP:
        return None
    return next((size for size in range(GROUP, 0, -GROUP_STEP) if fan_in % size == 0), None)


def _scratch(plan: Layout, run: RunShape, width: int) -> int:
    """The largest quantized weight unpacked; below eight bits its packed bytes are copied once on the way."""
    bits = None if run.full else WEIGHT_BITS.get(run.quantization)
    if bits is None:
        return 0
    largest = max(linear.weight for linear in plan.block)
    return width * largest + (0 if bits == 8 else largest * bits // 8)


def _optimizer_bytes(plan: Layout, run: RunShape, trained: int) -> int:
    """Two moments per parameter: fp32, or 8 bits with a scale per block; small tensors keep theirs in fp32."""
    if run.optimizer == "adamw":
        return 2 * FP32 * trained
    small = plan.layers * plan.block_vectors if run.full else 0
    large = trained - small
    return 2 * FP32 * small + 2 * (large + FP32 * large // EIGHT_BIT_BLOCK)
