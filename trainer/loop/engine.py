"""One optimizer step: forward and backward of its micro-batches, the guard, the update."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Mapping
from dataclasses import dataclass

import torch
from accelerate import Accelerator
from torch import nn

from trainer.loop.metrics import StepLosses
from trainer.loop.optimizers import set_learning_rate
from trainer.objective.batch import Batch, RandomDraws
from trainer.objective.strategy import Strategy
from trainer.seeds import sample_stream, seed_forward


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of an optimizer step."""

    applied: bool
    """False: loss or gradient was not finite and the parameters are as they were."""
    grad_norm: float
    """Norm of all gradients before clipping."""
    rows: list[list[float]]
    """Losses and noise levels of every sample over all ranks; see StepLosses."""


@dataclass(frozen=True)
class Engine:
    """The parts that make up a step. ``model`` is what the accelerator made of the transformer."""

    accelerator: Accelerator
    model: nn.Module
    parameters: Mapping[str, nn.Parameter]
    optimizer: torch.optim.Optimizer
    strategy: Strategy
    seed: int
    accumulation: int
    max_grad_norm: float

    def micro_step(self, step: int, micro: int, batch: Batch, losses: StepLosses) -> None:
        """Forward and backward of micro-batch ``micro`` of optimizer step ``step`` (both from 0)."""
        rank = self.accelerator.process_index
        last = micro == self.accumulation - 1
        first_slot = micro * batch.size
        draws = RandomDraws(range(first_slot, first_slot + batch.size), sample_stream(self.seed, rank, step))
        seed_forward(self.seed, rank, step, micro)
        prepared = self.strategy.prepare(batch, draws)
        with contextlib.nullcontext() if last else self.accelerator.no_sync(self.model):
            video = None if prepared.video is None else prepared.video.inputs
            audio = None if prepared.audio is None else prepared.audio.inputs
            video_BNC, audio_BNC = self.model(video, audio)
            scored = self.strategy.losses(prepared, video_BNC, audio_BNC)
            self.accelerator.backward(scored.total().mean() / self.accumulation)
        losses.add(prepared, scored)

    def finish(self, losses: StepLosses, learning_rate: float) -> Outcome:
        """Clip, check and update with the accumulated gradients; they are dropped either way."""
        gradients = [parameter.grad for parameter in self.parameters.values() if parameter.grad is not None]
        self.accelerator.unscale_gradients()
        norm = torch.nn.utils.get_total_norm(gradients)
        rows = self.accelerator.gather(losses.rows())
        # The one place where the host waits for the device: everything it must know comes in one transfer.
        numbers = torch.cat([norm.float().reshape(1), rows.flatten()]).tolist()
        grad_norm, values = numbers[0], numbers[1:]
        table = [values[start : start + rows.shape[1]] for start in range(0, len(values), rows.shape[1])]
        finite = math.isfinite(grad_norm) and all(math.isfinite(row[0]) for row in table)
        if finite:
            if self.max_grad_norm > 0:
                torch.nn.utils.clip_grads_with_norm_(self.parameters.values(), self.max_grad_norm, norm)
            set_learning_rate(self.optimizer, learning_rate)
            self.optimizer.step()
        elif self.accelerator.scaler is not None:
            # It lowers its scale for an overflow, which it saw when the gradients were unscaled.
            self.accelerator.scaler.update()
        self.drop_gradients()
        return Outcome(finite, grad_norm, table)

    def drop_gradients(self) -> None:
        """Forget whatever was accumulated."""
        self.optimizer.zero_grad(set_to_none=True)
