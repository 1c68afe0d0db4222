"""Number formats and the accelerator."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import torch
from accelerate import Accelerator
from accelerate.utils import DistributedDataParallelKwargs, DistributedType

from schemas.errors import ConfigError, EnvironmentFault

if TYPE_CHECKING:
    from schemas import LtxTrainerConfig

COMPUTE = {"bf16": torch.bfloat16, "fp16": torch.float16}


def compute_dtype(config: LtxTrainerConfig) -> torch.dtype:
    """What matrix products are computed in."""
    return COMPUTE.get(config.acceleration.mixed_precision_mode or "no", torch.float32)


def weights_dtype(config: LtxTrainerConfig) -> torch.dtype:
    """What the transformer's weights are held in.

    A frozen base needs no more precision than it is computed in; weights that are trained themselves are fp32 masters,
    because a small update would vanish in a 16-bit number.
    """
    return torch.float32 if config.model.training_mode == "full" else compute_dtype(config)


def make_accelerator(config: LtxTrainerConfig) -> Accelerator:
    """The accelerator of this process. Gradient accumulation is ours, so that one step is one count.

    Raises EnvironmentFault when the device cannot compute in the configured precision, ConfigError for a launch mode
    that is not supported.
    """
    mode = config.acceleration.mixed_precision_mode or "no"
    # None would make accelerate look into the environment: what is configured is what is done.
    os.environ.pop("ACCELERATE_MIXED_PRECISION", None)
    try:
        accelerator = Accelerator(
            mixed_precision=mode, kwargs_handlers=[DistributedDataParallelKwargs(find_unused_parameters=True)]
        )
    except ValueError as error:
        raise _cannot(mode, str(error)) from error
    if mode == "fp16" and accelerator.device.type == "cpu":
        raise _cannot(mode, "a CPU has no fp16 autocast")
    if accelerator.distributed_type != DistributedType.NO:
        raise ConfigError(
            f"{accelerator.num_processes} processes ({accelerator.distributed_type.value}) are not supported yet",
            hint="launch one process; gradient accumulation gives the same batch",
        )
    return accelerator


def _cannot(mode: str, reason: str) -> EnvironmentFault:
    return EnvironmentFault(
        f"this device cannot train in {mode}: {reason}",
        where="acceleration.mixed_precision_mode",
        hint="set it to bf16 on a recent GPU, or to no",
    )
