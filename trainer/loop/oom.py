"""Device memory ran out: what that means and what helps, the cheapest first."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from schemas.errors import EnvironmentFault

if TYPE_CHECKING:
    from schemas import LtxTrainerConfig


def explain_oom(
    config: LtxTrainerConfig, device: torch.device, message: str, during: str = "a training step"
) -> EnvironmentFault:
    """The error to end with. ``message`` is what the device said."""
    peak = ""
    if device.type == "cuda":
        total = torch.cuda.get_device_properties(device).total_memory
        peak = f"the peak was {torch.cuda.max_memory_allocated(device) / 2**30:.1f} of {total / 2**30:.1f} GB; "
    return EnvironmentFault(
        f"the device ran out of memory in {during}: {message.splitlines()[0]}",
        why=f"{peak}`ltx2-wizard estimate` shows what takes how much",
        hint="; or ".join(cheapest_fixes(config)),
    )


def cheapest_fixes(config: LtxTrainerConfig) -> list[str]:
    """Changes that save memory, in the order of what they cost."""
    optimization, fixes = config.optimization, []
    if optimization.batch_size > 1:
        fixes.append(
            "set optimization.batch_size to 1 and gradient_accumulation_steps to "
            f"{optimization.batch_size * optimization.gradient_accumulation_steps} (the same result)"
        )
    if not optimization.enable_gradient_checkpointing:
        fixes.append("set optimization.enable_gradient_checkpointing to true")
    if optimization.optimizer_type == "adamw":
        fixes.append("set optimization.optimizer_type to adamw8bit")
    if config.model.training_mode == "lora" and config.acceleration.quantization is None:
        fixes.append("set acceleration.quantization to int8-quanto")
    fixes.append("prepare the clips with fewer frames or a smaller resolution")
    return fixes
