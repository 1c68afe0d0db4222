"""The whole configuration of a training run."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

from pydantic import BeforeValidator, model_validator

from schemas.acceleration import AccelerationConfig
from schemas.checkpoints import CheckpointsConfig
from schemas.data import DataConfig
from schemas.flow_matching import FlowMatchingConfig
from schemas.hub import HubConfig
from schemas.legacy import LEGACY_DEFAULT_STRATEGY, check_legacy_cross, migrate_strategy
from schemas.lora import LoraConfig
from schemas.model import ModelConfig
from schemas.optimization import OptimizationConfig
from schemas.setting import LocalPath, Section, When, fail, setting
from schemas.strategy import FlexibleStrategyConfig
from schemas.validation import ValidationConfig
from schemas.wandb import WandbConfig


def _current_strategy(value: Any) -> Any:
    return migrate_strategy(value).require() if isinstance(value, dict) else value


Strategy = Annotated[FlexibleStrategyConfig, BeforeValidator(_current_strategy)]


class LtxTrainerConfig(Section):
    """Configuration of one training run; reads the keys of both generations, writes the current ones."""

    model: ModelConfig = setting(title="Model", text="Base model and training mode")
    lora: LoraConfig | None = setting(
        None,
        title="LoRA",
        text="Adapters; required while model.training_mode is lora",
        example={"rank": 32, "alpha": 32},
        when=When("model.training_mode", ("lora",)),
    )
    training_strategy: Strategy = setting(
        factory=lambda: FlexibleStrategyConfig.model_validate(LEGACY_DEFAULT_STRATEGY),
        title="Strategy",
        text="What is generated and what is given",
    )
    optimization: OptimizationConfig = setting(
        factory=OptimizationConfig, title="Optimization", text="Learning rate, schedule, batch, optimizer"
    )
    acceleration: AccelerationConfig = setting(
        factory=AccelerationConfig, title="Acceleration", text="Precision, quantization, offloading"
    )
    data: DataConfig = setting(title="Data", text="Prepared dataset and its loading")
    validation: ValidationConfig = setting(
        factory=ValidationConfig, title="Validation", text="Samples made during training", training=False
    )
    checkpoints: CheckpointsConfig = setting(
        factory=CheckpointsConfig, title="Checkpoints", text="Saving and resuming", training=False
    )
    hub: HubConfig = setting(factory=HubConfig, title="Hub", text="Publishing to the Hugging Face Hub", training=False)
    flow_matching: FlowMatchingConfig = setting(
        factory=FlowMatchingConfig, title="Flow matching", text="Which noise levels are trained on"
    )
    wandb: WandbConfig = setting(
        factory=WandbConfig, title="Weights & Biases", text="Logging to Weights & Biases", training=False
    )
    seed: int = setting(
        42,
        title="Seed",
        text="Seed of initial adapters, data order, noise and noise levels",
        ge=0,
        le=2**32 - 1,
        advanced=True,
    )
    output_dir: LocalPath = setting(
        Path("outputs"),
        title="Output directory",
        text="Directory of this run: config, status, events, log, checkpoints, samples",
        example="outputs/my_run",
        provider="directory",
        training=False,
    )

    @model_validator(mode="before")
    @classmethod
    def _older_combinations(cls, data: Any) -> Any:
        if isinstance(data, dict):
            for problem in check_legacy_cross(data):
                fail(problem.message, hint=problem.hint, at=problem.path, also=problem.also)
        return data

    @model_validator(mode="after")
    def _sections_agree(self) -> LtxTrainerConfig:
        if self.model.training_mode == "lora" and self.lora is None:
            fail(
                "training_mode lora needs a lora section",
                hint="add lora: {rank: 32, alpha: 32}, or set model.training_mode to full",
                at="lora",
                also=("model.training_mode",),
            )
        if self.model.training_mode == "full" and self.acceleration.quantization is not None:
            fail(
                "quantized weights cannot be trained: quantization works with training_mode lora only",
                hint="set acceleration.quantization to null, or model.training_mode to lora",
                at="acceleration.quantization",
                also=("model.training_mode",),
            )
        if self.model.training_mode == "full" and self.acceleration.blocks_to_swap != 0:
            fail(
                "blocks that are trained cannot be swapped: swapping works with training_mode lora only",
                hint="set acceleration.blocks_to_swap to 0, or model.training_mode to lora",
                at="acceleration.blocks_to_swap",
                also=("model.training_mode",),
            )
        return self
