"""``acceleration``: precision and what is done to fit the card."""

from __future__ import annotations

from typing import Literal

from schemas.setting import AutoCount, AutoCountOrAll, Section, When, setting

Precision = Literal["no", "fp16", "bf16"]
Quantization = Literal["int8-quanto", "int4-quanto", "int2-quanto", "fp8-quanto", "fp8uz-quanto", "nf4-bnb"]
"""``nf4-bnb`` is an extension."""


class AccelerationConfig(Section):
    """Precision, quantization and offloading."""

    mixed_precision_mode: Precision | None = setting(
        "bf16",
        title="Precision",
        text="Number format of the forward and backward pass; null and no compute in the weights' own format",
        recommended="bf16",
        memory="no doubles the activations",
        quality="bf16 is what the model was made with; fp16 overflows easily",
    )
    quantization: Quantization | None = setting(
        None,
        title="Quantization",
        text="Store the frozen transformer weights in fewer bits (LoRA only)",
        when=When("model.training_mode", ("lora",)),
        memory="int8 and fp8 halve the weights, int4 and nf4 (an extension) quarter them",
        speed="every weight is unpacked anew in each pass: little beside the work on thousands of tokens",
        quality="int8 is nearly free, int4 visible and nf4 a little less so, int2 an experiment",
    )
    load_text_encoder_in_8bit: bool = setting(
        False,
        title="8-bit text encoder",
        text="Load Gemma in 8 bits when prompts are encoded",
        memory="saves about 8 GB while prompts are encoded; needs about 26 GB of host memory",
        training=False,
    )
    stream_text_encoder: bool = setting(
        False,
        title="Stream text encoder",
        text="Read Gemma from its files layer by layer through the device when prompts are encoded: the same numbers",
        memory="two layers (0.9 GB) instead of 22 GB on the card; host memory: two layers and 0.4 GB a prompt",
        speed="prompts are encoded once per run: seconds to a minute",
        advanced=True,
        extension=True,
        training=False,
    )
    blocks_to_swap: AutoCount = setting(
        0,
        title="Swapped blocks",
        text="Transformer blocks whose frozen weights wait in host memory and are fetched when their turn comes (LoRA "
        "only); auto: the fewest that fit",
        example=10,
        advanced=True,
        extension=True,
        when=When("model.training_mode", ("lora",)),
        memory="each moves its weights from the card to host memory; two places to land in stay on the card",
        speed="hidden where a block computes longer than it travels: free at many tokens, costly at few",
        quality="none: the same numbers",
        training=False,
    )
    blocks_to_recompute: AutoCountOrAll = setting(
        "all",
        title="Recomputed blocks",
        text="Transformer blocks that recompute their activations in the backward pass; the others keep them; auto: "
        "the fewest that fit",
        example=24,
        advanced=True,
        extension=True,
        when=When("optimization.enable_gradient_checkpointing", (True,)),
        memory="a block that keeps its activations takes 1.2 GB at 576x576x89 and batch size 1, more in proportion",
        speed="recomputing all costs a third of a step, half of them half of that",
        quality="none: the same numbers",
        training=False,
    )
    offload_optimizer_during_validation: bool = setting(
        False,
        title="Offload optimizer",
        text="Move the optimizer state to host memory while samples are made",
        memory="frees the optimizer state during validation: much in full training, little for a LoRA",
        speed="a few seconds per validation",
        advanced=True,
        training=False,
    )
