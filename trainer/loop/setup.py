"""From a configuration to a session that is ready to train."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from accelerate import Accelerator

from schemas.errors import DataError
from schemas.params import resolved_sampling_params, resolved_scheduler_params
from trainer.data.connector_cache import ConnectorCache
from trainer.files.checkpoint import ModelFiles, file_fingerprint, files_vae_scale, read_checkpoint, resolve_model_files
from trainer.files.dataset import CONDITIONS, DatasetIndex, sources
from trainer.files.references import ReferenceFactors, factor_metadata, reference_factors
from trainer.loop.average import WeightAverage
from trainer.loop.blocks import Settled, blocks_of
from trainer.loop.captions import empty_caption
from trainer.loop.clips import ClipDataset
from trainer.loop.engine import Engine
from trainer.loop.held_out import loss_index
from trainer.loop.lr import LearningRate
from trainer.loop.optimizers import build_optimizer
from trainer.loop.order import BatchOrder
from trainer.loop.precision import compute_dtype, make_accelerator, weights_dtype
from trainer.loop.reporter import Reporter
from trainer.loop.session import Progress, Session
from trainer.loop.start import StartWeights, load_start_weights, other_references
from trainer.loop.weights import trained_parameters
from trainer.model.inputs import Modalities
from trainer.model.loading import load_transformer
from trainer.model.lora import add_lora
from trainer.model.text import load_connectors
from trainer.model.transformer import LtxTransformer
from trainer.objective.batch import TextContext
from trainer.objective.sigma import build_sampler
from trainer.objective.strategy import Strategy, StrategyPlan, plan_of

if TYPE_CHECKING:
    from schemas import LtxTrainerConfig

CACHE_NAME = ".connector_cache"


@dataclass(frozen=True)
class Prepared:
    """What stands before the transformer is loaded."""

    accelerator: Accelerator
    files: ModelFiles
    plan: StrategyPlan
    clips: ClipDataset
    order: BatchOrder
    factors: Mapping[str, ReferenceFactors]
    """Of the video references, by role."""
    empty_caption: TextContext | None = None
    """What dropped captions are replaced by; None when none is ever dropped."""
    held_out: ClipDataset | None = None
    """What the validation loss is measured on, if it is."""

    @property
    def modalities(self) -> Modalities:
        """Halves of the model that take part."""
        return Modalities(video=self.plan.video is not None, audio=self.plan.audio is not None)


Warn = Callable[[str, str], object]
"""code, message"""
Share = Callable[[str, str, int, int], object]
"""phase, message, done, total"""


def prepare(config: LtxTrainerConfig, *, warn: Warn, share: Share) -> Prepared:
    """Everything that is cheap or must not stand beside the transformer: data, captions through the connectors."""
    plan = plan_of(config.training_strategy)
    files = resolve_model_files(config.model)
    accelerator = make_accelerator(config)
    index = DatasetIndex.build(config.data.preprocessed_data_root, sources(config))
    index.require_samples()
    for dropped in index.dropped:
        warn("clip_dropped", f"{dropped.name} is not trained on: {dropped.reason}")
    modalities = Modalities(video=plan.video is not None, audio=plan.audio is not None)
    trained, kept = loss_index(config.validation, index)
    looked_at = trained if kept is None else replace(trained, samples=(*trained.samples, *kept.samples))
    factors = reference_factors(config.training_strategy, looked_at)
    held_out = None
    if kept is not None:
        held_out = ClipDataset(kept, _cached_captions(config, files, kept, modalities, accelerator, share))
    cache = _cached_captions(config, files, trained, modalities, accelerator, share)
    clips = ClipDataset(trained, cache)
    order = BatchOrder(clips.shapes, config.optimization.batch_size, config.seed)
    if order.left_out:
        names = ", ".join(clips.names[position] for position in order.left_out)
        warn(
            "clips_left_out",
            f"{len(order.left_out)} clips never fill a batch of {config.optimization.batch_size} because too few share "
            f"their shape: {names}",
        )
    empty = empty_caption(config, files, modalities, accelerator.device, cache.directory)
    return Prepared(accelerator, files, plan, clips, order, factors, empty, held_out)


def build_session(
    config: LtxTrainerConfig, fingerprint: str, prepared: Prepared, start: StartWeights | None, reporter: Reporter
) -> Session:
    """Load the transformer, make it trainable and hand it to the accelerator."""
    accelerator, files = prepared.accelerator, prepared.files
    reporter.phase("loading", f"transformer from {files.transformer.name}")
    source = files
    if start is not None and start.replaces_model:
        source = replace(files, transformer=start.path)
    blocks = blocks_of(config, prepared.files, prepared.accelerator)
    reporter.line(str(blocks))
    reporter.events.append("blocks", **blocks.fields())
    transformer = load_base(config, source, prepared, reporter.share, blocks=blocks)
    if transformer.swap is not None:
        reporter.line(f"block swap: {transformer.swap}")
    if config.acceleration.quantization is not None:
        reporter.line(f"{config.acceleration.quantization}: {quantized_share(transformer)}")
    reporter.line(trainable(transformer, config))
    if start is not None:
        load_start_weights(transformer, start)
        reporter.line(f"starting from the weights of {start.path}")
    references = factor_metadata(config.training_strategy, prepared.factors)
    if start is not None and (unlike := other_references(start.path, references)):
        reporter.warn("references_unlike_start", unlike)
    parameters = trained_parameters(transformer)
    optimization = config.optimization
    optimizer = build_optimizer(
        optimization.optimizer_type, parameters.values(), optimization.learning_rate, optimization.weight_decay
    )
    decay = config.lora.ema_decay if config.lora is not None and config.model.training_mode == "lora" else None
    checkpoint = read_checkpoint(files.transformer)
    engine = Engine(
        accelerator=accelerator,
        model=accelerator.prepare_model(transformer),
        parameters=parameters,
        optimizer=accelerator.prepare_optimizer(optimizer),
        strategy=build_strategy(config, prepared, transformer),
        seed=config.seed,
        accumulation=config.optimization.gradient_accumulation_steps,
        max_grad_norm=config.optimization.max_grad_norm,
    )
    return Session(
        config=config,
        fingerprint=fingerprint,
        files=files,
        base_fingerprint=file_fingerprint(files.transformer),
        base_version=checkpoint.model_version or "",
        transformer=transformer,
        engine=engine,
        learning_rate=_learning_rate(config),
        progress=Progress(),
        references=references,
        data_digest=prepared.clips.digest,
        average=None if decay is None else WeightAverage(decay, parameters),
    )


def load_base(
    config: LtxTrainerConfig,
    files: ModelFiles,
    prepared: Prepared,
    share: Share | None = None,
    *,
    blocks: Settled | None = None,
) -> LtxTransformer:
    """The frozen transformer as the configuration wants it held; ``share`` is told how far it is.

    ``blocks`` says which of its blocks are swapped and recompute; None: that is settled here.
    """
    kind = config.acceleration.quantization
    message = "transformer, tensor" if kind is None else f"transformer to {kind}, tensor"
    plan = (blocks or blocks_of(config, prepared.files, prepared.accelerator)).plan
    transformer = load_transformer(
        files,
        modalities=prepared.modalities,
        dtype=weights_dtype(config),
        device=prepared.accelerator.device,
        quantization=kind,
        swapped=plan.swapped,
        on_progress=None if share is None else lambda done, total: share("loading", message, done, total),
    )
    transformer.recomputed = plan.recomputed
    return transformer


def quantized_share(transformer: LtxTransformer) -> str:
    """What was rounded and what it takes now."""
    from trainer.model.quantize import report

    found = report(transformer)
    return f"{found.modules} linear layers of the blocks, {found.weights:,} weights in {found.nbytes / 2**30:.2f} GB"


def _cached_captions(
    config: LtxTrainerConfig,
    files: ModelFiles,
    index: DatasetIndex,
    modalities: Modalities,
    accelerator: Accelerator,
    share: Share,
) -> ConnectorCache:
    dtype = compute_dtype(config)
    fingerprint = "-".join([*map(file_fingerprint, files.connectors), str(dtype)])
    folder = _cache_folder(index.root, Path(config.output_dir))
    cache = ConnectorCache(folder, fingerprint, video=modalities.video, audio=modalities.audio)
    with accelerator.main_process_first():
        cache.build(
            [sample.files[CONDITIONS] for sample in index.samples],
            lambda: load_connectors(files, modalities=modalities, dtype=dtype, device=accelerator.device),
            device=accelerator.device,
            on_progress=lambda done, total: share("caching", "captions", done, total),
        )
    if accelerator.device.type == "cuda":
        torch.cuda.empty_cache()
    return cache


def _cache_folder(data: Path, output: Path) -> Path:
    """Beside the data, so that every run on it shares the work; in the run directory when data is read-only."""
    folder = data / CACHE_NAME
    try:
        folder.mkdir(exist_ok=True)
        probe = folder / ".writable"
        probe.touch()
        probe.unlink()
    except OSError:
        return output / CACHE_NAME
    return folder


def trainable(transformer: LtxTransformer, config: LtxTrainerConfig) -> str:
    """Freeze all but what is trained, and say what that is."""
    if config.model.training_mode == "lora":
        assert config.lora is not None
        report = add_lora(transformer, config.lora, config.seed)
        said = f"LoRA on {len(report.modules)} modules, {report.parameters:,} parameters"
    else:
        transformer.requires_grad_(True)
        said = f"full training of {sum(parameter.numel() for parameter in transformer.parameters()):,} parameters"
    transformer.gradient_checkpointing = config.optimization.enable_gradient_checkpointing
    transformer.train()
    return said


def build_strategy(config: LtxTrainerConfig, prepared: Prepared, transformer: LtxTransformer) -> Strategy:
    """How batches become training steps for this model."""
    mode = config.flow_matching.timestep_sampling_mode
    params = resolved_sampling_params(mode, config.flow_matching.timestep_sampling_params)
    _demand_channels(prepared, transformer)
    return Strategy(
        plan=prepared.plan,
        sampler=build_sampler(mode, params),
        scale=files_vae_scale(prepared.files),
        mark_keyframes=bool(getattr(transformer.config, "use_keyframes_abs_pos_embedding", False)),
        factors=prepared.factors,
        empty_caption=prepared.empty_caption,
    )


def _demand_channels(prepared: Prepared, transformer: LtxTransformer) -> None:
    """Latents of another release have other widths; say so before the first matrix product does."""
    item, _ = prepared.clips.clip(0)
    checks: list[tuple[str, Callable[[torch.Tensor], int], int]] = [
        ("video", lambda latents: latents.shape[0], transformer.config.in_channels),
        ("audio", lambda latents: latents.shape[0] * latents.shape[2], transformer.config.audio_in_channels),
    ]
    for role, width, wanted in checks:
        if role in item and width(item[role]["latents"]) != wanted:
            raise DataError(
                f"the {role} latents of {item['name']} have {width(item[role]['latents'])} channels per token, "
                f"this model takes {wanted}",
                where=prepared.files.transformer,
                hint="prepare the data with the checkpoint that is trained",
            )


def _learning_rate(config: LtxTrainerConfig) -> LearningRate:
    optimization = config.optimization
    params = resolved_scheduler_params(optimization.scheduler_type, optimization.scheduler_params, optimization.steps)
    return LearningRate(
        optimization.scheduler_type, optimization.learning_rate, params, warmup=optimization.warmup_steps
    )
