"""How many transformer blocks are swapped and how many recompute: settled before the transformer is loaded."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import torch
from accelerate import Accelerator

from presets.memory import GIB, BlockPlan, Card, known, resolve_blocks
from schemas.errors import ConfigError
from trainer.files.checkpoint import ModelFiles, read_checkpoint
from trainer.model.settings import transformer_arguments
from trainer.preflight.memory import memory_job

if TYPE_CHECKING:
    from schemas import LtxTrainerConfig

VRAM: Final = "LTX2_WIZARD_VRAM"
"""Environment variable: the GB of card memory that ``auto`` plans for, instead of what the card has."""
_CONTEXT: Final = int(0.6 * GIB)
"""Of what is not free on an idle card, so much is this process's own and is part of every estimate."""


@dataclass(frozen=True, slots=True)
class Settled:
    """The plan, and why."""

    plan: BlockPlan
    layers: int
    why: str
    budget: int | None = None
    """Card memory it was made for, when it was for us to choose."""

    def fields(self) -> dict[str, Any]:
        """As an event."""
        plan = self.plan
        return {
            "swapped": plan.swapped,
            "recomputed": plan.recomputed,
            "layers": self.layers,
            "budget_bytes": self.budget,
            "message": self.why,
        }

    def __str__(self) -> str:
        plan = self.plan
        return f"{plan.swapped} of {self.layers} blocks swapped, {plan.recomputed} recompute ({self.why})"


def blocks_of(config: LtxTrainerConfig, files: ModelFiles, accelerator: Accelerator) -> Settled:
    """``settle_blocks`` for the model in these files. Raises CheckpointError for one that cannot be understood."""
    layers = transformer_arguments(read_checkpoint(files.transformer))["num_layers"]
    return settle_blocks(config, layers, accelerator.device, processes=accelerator.num_processes)


def settle_blocks(
    config: LtxTrainerConfig,
    layers: int,
    device: torch.device,
    *,
    processes: int = 1,
    environ: Mapping[str, str] = os.environ,
) -> Settled:
    """What the configuration says; where it leaves the choice, the cheapest plan that fits the card.

    On a processor there is no card to fit: nothing is swapped and all blocks recompute. Raises ConfigError for more
    blocks than the model has and for swapping with several processes.
    """
    acceleration = config.acceleration
    swapped, recomputed = acceleration.blocks_to_swap, acceleration.blocks_to_recompute
    for name, count in (("blocks_to_swap", swapped), ("blocks_to_recompute", recomputed)):
        if isinstance(count, int) and count > layers:
            raise ConfigError(
                f"{count} blocks are more than the model has", where=f"acceleration.{name}", hint=f"at most {layers}"
            )
    if swapped != 0 and processes > 1:
        raise ConfigError(
            f"blocks cannot be swapped in {processes} processes at once",
            where="acceleration.blocks_to_swap",
            hint="launch one process, or set it to 0",
        )
    checkpointed = config.optimization.enable_gradient_checkpointing
    known_plan = BlockPlan(_count(swapped, 0), _count(recomputed, layers) if checkpointed else 0)
    if "auto" not in (swapped, recomputed if checkpointed else "all"):
        return Settled(known_plan, layers, "as configured")
    budget, why = _budget(device, environ)
    if budget is None:
        return Settled(known_plan, layers, why)
    job = memory_job(config)
    card = Card(torch.cuda.get_device_name(device), budget) if device.type == "cuda" else None
    return Settled(resolve_blocks(job, budget, known(job, card)), layers, why, budget)


def _count(given: int | str, otherwise: int) -> int:
    return given if isinstance(given, int) else otherwise


def _budget(device: torch.device, environ: Mapping[str, str]) -> tuple[int | None, str]:
    """Memory of the card that this run may plan with, and that in words."""
    wish = environ.get(VRAM)
    if wish:
        try:
            size = float(wish)
        except ValueError:
            size = 0.0
        if not 0 < size < float("inf"):
            raise ConfigError(f"{VRAM} is {wish!r}", hint="give the GB to plan for, as 24")
        return int(size * GIB), f"chosen for {size:g} GB, as {VRAM} says"
    if device.type != "cuda":
        return None, "there is no card to choose for"
    free, total = torch.cuda.mem_get_info(device)
    others = max(0, total - free - torch.cuda.memory_reserved(device) - _CONTEXT)
    return total - others, f"chosen for the {(total - others) / GIB:.1f} GB of the card that others leave"
