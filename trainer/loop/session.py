"""What a running training consists of, and its state as plain data."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from schemas.errors import CheckpointError
from trainer.files.checkpoint import ModelFiles
from trainer.loop.average import WeightAverage
from trainer.loop.engine import Engine
from trainer.loop.full_export import write_model
from trainer.loop.lr import LearningRate
from trainer.loop.optimizers import pack_optimizer, unpack_optimizer
from trainer.loop.state_files import TrainingState
from trainer.loop.weights import fill_weights
from trainer.model.io import write_safetensors
from trainer.model.lora_file import LoraOrigin, published_tensors
from trainer.model.transformer import LtxTransformer
from trainer.preflight.same_run import save_bytes

if TYPE_CHECKING:
    from schemas import LtxTrainerConfig

EXPORT_DTYPES = {"bfloat16": torch.bfloat16, "float32": torch.float32}


@dataclass
class Progress:
    """How far a run has come; all that changes while it runs, but for weights and optimizer."""

    step: int = 0
    """Optimizer steps done."""
    batches: int = 0
    """Batches consumed on each rank."""
    bad_in_row: int = 0
    """Steps left out in a row because they were not finite."""
    tracker_id: str = field(default_factory=lambda: uuid.uuid4().hex[:12])
    """Name of the run at the tracker, the same after a restart."""


@dataclass(frozen=True)
class Session:
    """A run ready to train."""

    config: LtxTrainerConfig
    fingerprint: str
    """Of the configuration."""
    files: ModelFiles
    base_fingerprint: str
    base_version: str
    transformer: LtxTransformer
    """Without the accelerator's wrapper."""
    engine: Engine
    learning_rate: LearningRate
    progress: Progress
    references: Mapping[str, str]
    """What readers of the exported weights are told about references."""
    data_digest: str
    """Of the clips that are trained on."""
    average: WeightAverage | None = None
    """Of the trained weights, when one is kept."""

    def capture(self) -> TrainingState:
        """The state after the last finished step, to be written before the next one: its tensors are not copies."""
        config = self.config
        tensors: Mapping[str, torch.Tensor] | None = None
        slots: Mapping[str, Mapping[str, Any]] = {}
        if config.checkpoints.save_training_state == "full":
            tensors, slots = pack_optimizer(self.engine.optimizer, self.engine.parameters)
        scaler = self.engine.accelerator.scaler
        numbers: dict[str, Any] = {
            "config": config.model_dump(mode="json"),
            "batches": self.progress.batches,
            "bad_in_row": self.progress.bad_in_row,
            "tracker_id": self.progress.tracker_id,
            "learning_rate": self.learning_rate.base,
            "configured_learning_rate": config.optimization.learning_rate,
            "optimizer": {"type": config.optimization.optimizer_type, "slots": slots},
            "scaler": None if scaler is None else scaler.state_dict(),
            "world_size": self.engine.accelerator.num_processes,
            "references": dict(self.references),
            "base": self.base_fingerprint,
            "data": self.data_digest,
        }
        return TrainingState(
            step=self.progress.step,
            config_fingerprint=self.fingerprint,
            weights={name: parameter.detach() for name, parameter in self.engine.parameters.items()},
            optimizer=tensors,
            numbers=numbers,
            average=None if self.average is None else self.average.tensors,
        )

    def restore(self, state: TrainingState, path: Path) -> tuple[str, ...]:
        """Go on from a state; returns what could not be restored, as sentences.

        Raises CheckpointError when the state does not belong to what is trained here.
        """
        lost = []
        numbers = state.numbers
        self._demand_references(numbers.get("references", {}), path)
        fill_weights(self.engine.parameters, state.weights, path)
        if self.average is not None:
            self.average.restore(state.average, path)
        try:
            self.progress.step = state.step
            self.progress.batches = int(numbers["batches"])
            self.progress.bad_in_row = int(numbers["bad_in_row"])
            self.progress.tracker_id = str(numbers["tracker_id"])
            saved = numbers["optimizer"]
            if numbers["configured_learning_rate"] == self.config.optimization.learning_rate:
                # A rate set while the run was going on outlives a restart, unless the file now says another.
                self.learning_rate.base = float(numbers["learning_rate"])
            if state.optimizer is None:
                lost.append("the optimizer state was not saved (save_training_state: minimal): its averages start anew")
            elif saved["type"] != self.config.optimization.optimizer_type:
                lost.append(f"the optimizer state is of {saved['type']}: its averages start anew")
            else:
                unpack_optimizer(self.engine.optimizer, self.engine.parameters, state.optimizer, saved["slots"])
            if numbers["world_size"] != self.engine.accelerator.num_processes:
                lost.append(f"the number of processes was {numbers['world_size']}: noise and data order differ now")
            scaler = self.engine.accelerator.scaler
            if scaler is not None and numbers["scaler"] is not None:
                scaler.load_state_dict(numbers["scaler"])
        except (KeyError, TypeError, ValueError) as error:
            raise CheckpointError(f"its numbers are incomplete: {error!r}", where=path) from error
        return tuple(lost)

    def export(self, path: Path, averages: Mapping[str, torch.Tensor] | None = None) -> None:
        """Write the published weights of the current step; ``averages`` instead of them if given (LoRA only)."""
        dtype = EXPORT_DTYPES[self.config.checkpoints.precision]
        lora = self.config.lora
        if self.config.model.training_mode == "full":
            write_model(self.files.transformer, path, self.engine.parameters, dtype, self._full_metadata())
            return
        assert lora is not None
        origin = LoraOrigin(
            rank=lora.rank,
            alpha=lora.alpha,
            target_modules=tuple(lora.target_modules),
            step=self.progress.step,
            base_fingerprint=self.base_fingerprint,
            base_version=self.base_version,
            config_fingerprint=self.fingerprint,
        )
        told = {**origin.metadata(), **self.references}
        if averages is not None:
            told["ema_decay"] = str(lora.ema_decay)
        write_safetensors(path, published_tensors(self.transformer, dtype, averages), told)

    def save_bytes(self) -> int:
        """About how large the next save is."""
        count = sum(parameter.numel() for parameter in self.engine.parameters.values())
        saves = self.config.checkpoints
        full = self.config.model.training_mode == "full"
        copied = self.files.transformer.stat().st_size if full else 0
        averaged = self.average is not None
        return save_bytes(count, saves.precision, saves.save_training_state, averaged=averaged, copied=copied)

    def _full_metadata(self) -> Mapping[str, str]:
        return {
            "made_by": "ltx2-wizard",
            "step": str(self.progress.step),
            "base_model_fingerprint": self.base_fingerprint,
            "config_fingerprint": self.fingerprint,
            **self.references,
        }

    def _demand_references(self, saved: Mapping[str, str], path: Path) -> None:
        """The weights have learnt where references of one size belong; others would be laid elsewhere."""
        if dict(saved) != dict(self.references):
            raise CheckpointError(
                f"was trained with references of {_spoken(saved)}, now they have {_spoken(self.references)}",
                where=path,
                hint="prepare the references as before, or start anew with --resume never",
            )


def _spoken(references: Mapping[str, str]) -> str:
    return ", ".join(f"{name} {value}" for name, value in sorted(references.items())) or "their targets' size and rate"
