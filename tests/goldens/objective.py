"""Training objective: what goes into the transformer, what comes out, and the loss."""

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

from schemas.conditions import MaskCondition, ReferenceCondition, TrainingCondition
from schemas.legacy import migrate_strategy
from schemas.strategy import FlexibleStrategyConfig
from tests.goldens.comparison import Comparison, Kind, compare, wanted
from tests.goldens.stored import checkpoint_of
from trainer.files.checkpoint import VaeScale, files_vae_scale
from trainer.files.dataset import condition_role
from trainer.files.references import ReferenceFactors, factor_metadata, factors_between
from trainer.files.samples import VideoShape
from trainer.model.loading import load_transformer
from trainer.model.transformer import LtxTransformer
from trainer.objective.batch import Batch, ModalityName, References, TextContext
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
        case = Case(name, settings, own)
        if wanted(only, path, name):
            yield from case.compare("out", transformer, scale)
            if "alt.loss" in case.tensors:
                yield from case.compare("alt", transformer, scale)


@dataclass(frozen=True)
class StoredDraws:
    """The draws a golden case was made with: intrinsic conditions are numbered first, references after them."""

    tensors: Mapping[str, Tensor]
    strategy: FlexibleStrategyConfig
    legacy: bool

    def sigma(self, modality: ModalityName) -> SigmaDraws:
        """The stored sigmas; Case's sampler passes them on."""
        sigma_B = self.tensors[f"in.{modality}.sigma"]
        return SigmaDraws(sigma_B, sigma_B, sigma_B)

    def noise(self, modality: ModalityName, count: int, channels: int) -> Tensor:
        """The stored noise."""
        noise_BNC = self.tensors[f"in.{modality}.noise"]
        assert noise_BNC.shape[1:] == (count, channels)
        return noise_BNC

    def condition(self, modality: ModalityName, index: int) -> Tensor:
        """The stored draw of each sample."""
        return self._draw(modality, index)

    def reference(self, modality: ModalityName, index: int) -> Tensor:
        """The stored draw of the batch; the retired video_to_video strategy draws none and always applies it."""
        return self._draw(modality, index)

    def caption(self) -> Tensor:
        """Captions are never dropped here."""
        raise AssertionError("no golden case drops captions")

    def _draw(self, modality: ModalityName, index: int) -> Tensor:
        settings = getattr(self.strategy, modality)
        places = range(len(settings.conditions))
        own = [place for place in places if not _is_reference(settings.conditions[place])]
        if not settings.is_generated:
            own = []
        order = [*own, *(place for place in places if _is_reference(settings.conditions[place]))]
        name = f"in.{modality}.draw{order.index(index)}"
        if self.legacy and _is_reference(settings.conditions[index]):
            return torch.zeros(())
        return self.tensors[name]


def _is_reference(condition: TrainingCondition) -> bool:
    return isinstance(condition, ReferenceCondition)


@dataclass(frozen=True)
class Case:
    """One case of a file, its tensors by their name inside the case."""

    name: str
    settings: Mapping[str, Any]
    tensors: Mapping[str, Tensor]

    def compare(self, prefix: str, transformer: LtxTransformer, scale: VaeScale) -> Iterator[Comparison]:
        """Ours against ``prefix`` (``out`` or ``alt``)."""
        config = self._config()
        counts: list[int] = []

        def sigma(draws: SigmaDraws, tokens: int) -> Tensor:
            counts.append(tokens)
            return draws.value_B

        factors = self._factors(config)
        strategy = Strategy(plan_of(config), sigma, scale, mark_keyframes=prefix == "alt", factors=factors)
        step = strategy.prepare(
            self._batch(config),
            StoredDraws(self.tensors, config, legacy=self.settings["strategy"]["name"] != "flexible"),
        )
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
            if f"{prefix}.{modality}.sampler_tokens" in self.tensors:
                ours[f"{modality}.sampler_tokens"] = (torch.tensor(counts.pop(0)), 0.0, "abs")
        for name, (actual, tolerance, kind) in ours.items():
            expected = self.tensors.get(f"{prefix}.{name}")
            if actual is not None and expected is not None:
                yield compare(self.name, f"{prefix}.{name}", actual, expected, tolerance, kind)
        if prefix == "out":
            yield from self._metadata(config, factors)

    def _metadata(
        self, config: FlexibleStrategyConfig, factors: Mapping[str, ReferenceFactors]
    ) -> Iterator[Comparison]:
        expected = self.settings.get("checkpoint_metadata", {})
        ours = factor_metadata(config, factors)
        for key in sorted({*expected, *ours}):
            actual, stored = (torch.tensor(float(found.get(key, 0))) for found in (ours, expected))
            yield compare(self.name, f"metadata.{key}", actual, stored, 0.0, "abs")

    def _config(self) -> FlexibleStrategyConfig:
        return FlexibleStrategyConfig.model_validate(migrate_strategy(self.settings["strategy"]).require())

    def _factors(self, config: FlexibleStrategyConfig) -> dict[str, ReferenceFactors]:
        """Those of the case, where it says them; else as a run finds them out from its files."""
        found = {}
        for index, condition in enumerate(config.video.conditions if config.video else ()):
            if not isinstance(condition, ReferenceCondition):
                continue
            role = condition_role("video", index)
            if "reference_spatial_scale_factor" in self.settings:
                keys = ("reference_spatial_scale_factor", "reference_temporal_scale_factor")
                found[role] = ReferenceFactors(*(int(self.settings[key] or 1) for key in keys))
            else:
                target, reference = self.tensors["in.video.latents"], self.tensors[f"in.video.ref{len(found)}.latents"]
                found[role] = factors_between(_shape(target), _shape(reference), condition.timing)
        return found

    def _batch(self, config: FlexibleStrategyConfig) -> Batch:
        stored = self.tensors.get
        size = next(iter(self.tensors.values())).shape[0]
        masks: dict[str, Tensor] = {}
        references: dict[str, References] = {}
        for modality in MODALITIES:
            settings = getattr(config, modality)
            count = 0
            for index, condition in enumerate(settings.conditions if settings else ()):
                role = condition_role(modality, index)
                if isinstance(condition, MaskCondition):
                    masks[role] = self.tensors[f"in.{modality}.mask"]
                elif isinstance(condition, ReferenceCondition):
                    name = f"in.{modality}.ref{count}"
                    references[role] = References(self.tensors[f"{name}.latents"], stored(f"{name}.fps"))
                    count += 1
        return Batch(
            names=tuple(str(index) for index in range(size)),
            video_BCFHW=stored("in.video.latents"),
            fps_B=stored("in.video.fps"),
            audio_BCTM=stored("in.audio.latents"),
            context=TextContext(stored("in.video.context"), stored("in.audio.context"), stored("in.context_mask")),
            masks=masks,
            references=references,
        )


def _shape(latents_BCFHW: Tensor) -> VideoShape:
    channels, frames, height, width = latents_BCFHW.shape[1:]
    return VideoShape(channels, frames, height, width, None)


def _inputs(step: TrainingStep, modality: ModalityName) -> dict[str, tuple[Tensor | None, float, Kind]]:
    part = step.of(modality)
    if part is None:
        return {}
    mask = None if part.target_BNC is None else part.state.denoise_mask.squeeze(-1)
    levels_BN = part.inputs.timesteps_BN.expand(-1, part.state.tokens.shape[1])
    return {
        f"{modality}.tokens": (part.state.tokens, 1e-5, "abs"),
        f"{modality}.timesteps": (levels_BN, 1e-7, "abs"),
        f"{modality}.sigma": (part.sigma_B, 1e-7, "abs"),
        f"{modality}.positions": (part.state.positions, 1e-5 if modality == "video" else 1e-6, "abs"),
        f"{modality}.targets": (part.target_BNC, 1e-6, "abs"),
        f"{modality}.loss_mask": (mask, 0.0, "abs"),
    }
