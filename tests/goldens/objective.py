"""Training objective: what goes into the transformer, what comes out, and the loss.

Cases with conditions other than text are not run yet: the trainer refuses such configurations.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open
from safetensors.torch import load_file
from torch import Tensor

from schemas.strategy import FlexibleStrategyConfig
from tests.goldens.comparison import Comparison, Kind, compare, wanted
from tests.goldens.stored import checkpoint_of
from trainer.files.checkpoint import VaeScale, files_vae_scale
from trainer.model.loading import load_transformer
from trainer.model.transformer import LtxTransformer
from trainer.objective.batch import Batch, ModalityName, TextContext
from trainer.objective.sigma import SigmaDraws
from trainer.objective.strategy import MODALITIES, Strategy, TrainingStep, plan_of


def files(directory: Path) -> list[Path]:
    """The objective files of a folder."""
    return sorted(directory.glob("objective_*.safetensors"))


def run(path: Path, only: str | None) -> Iterator[Comparison]:
    """Every supported case of one file: ``out.*`` without keyframe marks, ``alt.*`` with them."""
    with safe_open(path, "pt") as file:
        metadata = file.metadata()
    tensors = load_file(path)
    model_files = checkpoint_of(path, metadata)
    transformer = load_transformer(model_files, dtype=torch.float32)
    scale = files_vae_scale(model_files)
    for name, settings in json.loads(metadata["cases"]).items():
        own = {key.partition("/")[2]: tensor for key, tensor in tensors.items() if key.partition("/")[0] == name}
        case = Case(name, settings["strategy"], own)
        if case.supported and wanted(only, path, name):
            yield from case.compare("out", transformer, scale)
            if "alt.loss" in case.tensors:
                yield from case.compare("alt", transformer, scale)


@dataclass(frozen=True)
class StoredDraws:
    """The draws a golden case was made with."""

    tensors: Mapping[str, Tensor]

    def sigma(self, modality: ModalityName) -> SigmaDraws:
        """The stored sigmas; Case's sampler passes them on."""
        sigma_B = self.tensors[f"in.{modality}.sigma"]
        return SigmaDraws(sigma_B, sigma_B, sigma_B)

    def noise(self, modality: ModalityName, count: int, channels: int) -> Tensor:
        """The stored noise."""
        noise_BNC = self.tensors[f"in.{modality}.noise"]
        assert noise_BNC.shape[1:] == (count, channels)
        return noise_BNC


@dataclass(frozen=True)
class Case:
    """One case of a file, its tensors by their name inside the case."""

    name: str
    strategy: Mapping[str, Any]
    tensors: Mapping[str, Tensor]

    @property
    def supported(self) -> bool:
        """Whether the trainer knows this configuration."""
        if self.strategy["name"] != "flexible":
            return False
        return not any((self.strategy.get(name) or {}).get("conditions") for name in MODALITIES)

    def compare(self, prefix: str, transformer: LtxTransformer, scale: VaeScale) -> Iterator[Comparison]:
        """Ours against ``prefix`` (``out`` or ``alt``)."""
        strategy = Strategy(plan_of(self._config()), self._sigma, scale, mark_keyframes=prefix == "alt")
        step = strategy.prepare(self._batch(), StoredDraws(self.tensors))
        inputs = [None if part is None else part.inputs for part in (step.video, step.audio)]
        with torch.no_grad():
            video_BNC, audio_BNC = transformer(*inputs)
        losses = strategy.losses(step, video_BNC, audio_BNC)
        ours: dict[str, tuple[Tensor | None, float, Kind]] = {"loss": (losses.total(), 1e-5, "rel")}
        for modality, prediction in (("video", video_BNC), ("audio", audio_BNC)):
            ours[f"{modality}.pred"] = (prediction, 1e-4, "abs")
        for modality in MODALITIES:
            ours[f"{modality}.loss"] = (losses.of(modality), 1e-5, "rel")
            ours |= _inputs(step, modality)
        for name, (actual, tolerance, kind) in ours.items():
            expected = self.tensors.get(f"{prefix}.{name}")
            if actual is not None and expected is not None:
                yield compare(self.name, f"{prefix}.{name}", actual, expected, tolerance, kind)

    @staticmethod
    def _sigma(draws: SigmaDraws, tokens: int) -> Tensor:
        return draws.value_B

    def _config(self) -> FlexibleStrategyConfig:
        return FlexibleStrategyConfig.model_validate(dict(self.strategy))

    def _batch(self) -> Batch:
        stored = self.tensors.get
        size = next(iter(self.tensors.values())).shape[0]
        return Batch(
            names=tuple(str(index) for index in range(size)),
            video_BCFHW=stored("in.video.latents"),
            fps_B=stored("in.video.fps"),
            audio_BCTM=stored("in.audio.latents"),
            context=TextContext(stored("in.video.context"), stored("in.audio.context"), stored("in.context_mask")),
        )


def _inputs(step: TrainingStep, modality: ModalityName) -> dict[str, tuple[Tensor | None, float, Kind]]:
    part = step.of(modality)
    if part is None:
        return {}
    mask = None if part.target_BNC is None else part.state.denoise_mask.squeeze(-1)
    return {
        f"{modality}.tokens": (part.state.tokens, 1e-5, "abs"),
        f"{modality}.timesteps": (part.inputs.timesteps_BN, 1e-7, "abs"),
        f"{modality}.sigma": (part.sigma_B, 1e-7, "abs"),
        f"{modality}.positions": (part.state.positions, 1e-5 if modality == "video" else 1e-6, "abs"),
        f"{modality}.targets": (part.target_BNC, 1e-6, "abs"),
        f"{modality}.loss_mask": (mask, 0.0, "abs"),
    }
