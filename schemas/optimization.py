"""``optimization``: how long, how fast, with which optimizer."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import ValidationInfo, field_validator

from schemas.params import SCHEDULER_PARAMS, check_params
from schemas.setting import Number, Section, When, setting

OptimizerType = Literal["adamw", "adamw8bit"]
SchedulerType = Literal["constant", "linear", "cosine", "cosine_with_restarts", "polynomial", "step"]


class OptimizationConfig(Section):
    """Optimizer, learning rate and its schedule."""

    learning_rate: Number = setting(
        5e-4,
        title="Learning rate",
        text="Step size of the optimizer at the top of the schedule",
        gt=0.0,
        le=1.0,
        recommended=1e-4,
        quality="LoRA 1e-5 to 1e-4, references and audio up to 2e-4, full training from 1e-5; too high forgets",
    )
    steps: int = setting(
        3000,
        title="Steps",
        text="Optimizer steps of the whole run",
        ge=1,
        recommended=2000,
        unit="steps",
        speed="the time of a run is linear in it",
        quality="2000 is a good start, 3000 for references and audio; watch the samples for overfitting",
    )
    batch_size: int = setting(
        2,
        title="Batch size",
        text="Samples per micro-step and GPU; above 1 all samples need one common shape",
        ge=1,
        recommended=1,
        memory="activations grow in proportion",
        speed="a micro-step takes nearly as many times longer",
    )
    gradient_accumulation_steps: int = setting(
        1,
        title="Gradient accumulation",
        text="Micro-steps whose gradients are averaged into one optimizer step",
        ge=1,
        recommended=1,
        unit="micro-steps",
        memory="none: the way to a larger effective batch on a small card",
        speed="an optimizer step takes as many times longer",
    )
    max_grad_norm: Number = setting(
        1.0,
        title="Gradient clipping",
        text="Gradients with a larger norm are scaled down to it; 0 turns clipping off",
        ge=0.0,
        recommended=1.0,
        advanced=True,
        quality="guards against a single bad sample",
    )
    optimizer_type: OptimizerType = setting(
        "adamw",
        title="Optimizer",
        text="AdamW, with its state in fp32 or in 8 bits (betas 0.9 and 0.999)",
        memory="adamw8bit keeps a quarter of the optimizer state",
    )
    scheduler_type: SchedulerType = setting(
        "linear",
        title="Schedule",
        text="How the learning rate changes over the run",
        recommended="linear",
    )
    scheduler_params: dict[str, Any] = setting(
        factory=dict,
        title="Schedule parameters",
        text="Parameters of the chosen schedule that differ from its defaults",
        example={"end_factor": 0.1},
        advanced=True,
        params=SCHEDULER_PARAMS,
        params_by="optimization.scheduler_type",
        when=When("optimization.scheduler_type", ("constant",), negated=True),
    )
    warmup_steps: int = setting(
        0,
        title="Warm-up",
        text="Steps over which the learning rate rises from near 0 to what the schedule says",
        ge=0,
        unit="steps",
        advanced=True,
        extension=True,
        quality="50-200 steps spare the weights the first, badly informed steps of Adam",
    )
    weight_decay: Number = setting(
        1e-2,
        title="Weight decay",
        text="Share of each trained weight taken away per step, times the learning rate",
        ge=0.0,
        le=1.0,
        advanced=True,
        extension=True,
        quality="0 lets adapters grow freely; more keeps them small",
    )
    enable_gradient_checkpointing: bool = setting(
        False,
        title="Gradient checkpointing",
        text="Recompute activations in the backward pass instead of keeping them",
        recommended=True,
        memory="22B does not fit an 80 GB card without it",
        speed="a step takes about a third longer",
        training=False,
    )

    @field_validator("scheduler_type", mode="before")
    @classmethod
    def _null_is_constant(cls, value: Any) -> Any:
        return "constant" if value is None else value

    @field_validator("scheduler_params")
    @classmethod
    def _known_params(cls, value: dict[str, Any], info: ValidationInfo) -> dict[str, Any]:
        chosen = info.data.get("scheduler_type", "linear")
        check_params(value, SCHEDULER_PARAMS[chosen], f"the {chosen} schedule")
        return value
