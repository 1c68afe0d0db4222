"""What the memory estimate is made from: a configuration, and whatever of its files is on this machine."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from presets.geometry import AUDIO_RATE, video_tokens
from presets.memory import (
    PUBLISHED,
    BranchShape,
    ClipSize,
    JobShape,
    ModelShape,
    PartsShape,
    RunShape,
    SavingShape,
    TextShape,
    ValidationShape,
)
from presets.memory.shapes import MODALITIES
from schemas.conditions import ReferenceCondition
from schemas.errors import WizardError
from trainer.files.checkpoint import CONNECTOR_PREFIXES, EXTRACTOR_PREFIX, Checkpoint, transformer_config
from trainer.files.samples import AudioShape, VideoShape
from trainer.files.samples import TextShape as CaptionShape
from trainer.preflight.facts import Facts, Opened

if TYPE_CHECKING:
    from schemas import LtxTrainerConfig
    from schemas.strategy import ModalityConfig

ASSUMED_RELEASE = "2.3"
TEXT_TOKENS = 1024
"""Captions are padded or cut to this length."""


@dataclass(slots=True)
class _Gathered:
    """Sizes found or assumed, with the assumptions as sentences."""

    video: int = 0
    audio: int = 0
    text: int = TEXT_TOKENS
    clip: ClipSize | None = None
    samples: int = 0
    assumed: list[str] = field(default_factory=list)


def memory_job(config: LtxTrainerConfig) -> JobShape:
    """Everything the estimate needs. What cannot be read is assumed and said so; nothing is raised."""
    facts = Facts(config)
    found = _Gathered()
    model = _model(facts, found)
    _tokens(facts, found)
    acceleration = config.acceleration
    job = JobShape(
        model=model,
        run=_run(facts, found),
        clip=found.clip,
        validation=_validation(facts, found),
        text=TextShape(in_8bit=acceleration.load_text_encoder_in_8bit, encodes_prompts=facts.encodes_prompts),
        saving=_saving(config, found),
        workers=config.data.num_dataloader_workers,
    )
    return replace(job, assumed=tuple(found.assumed))


def _saving(config: LtxTrainerConfig, found: _Gathered) -> SavingShape:
    checkpoints, steps = config.checkpoints, config.optimization.steps
    return SavingShape(
        saves=1 if checkpoints.interval is None else math.ceil(steps / checkpoints.interval),
        keep=checkpoints.keep_last_n,
        state=checkpoints.save_training_state,
        fp32=checkpoints.precision == "float32",
        captions=found.samples,
    )


def _run(facts: Facts, found: _Gathered) -> RunShape:
    config = facts.config
    strategy, optimization, lora = config.training_strategy, config.optimization, config.lora
    run = RunShape(
        video_tokens=found.video,
        audio_tokens=found.audio,
        text_tokens=found.text,
        batch=optimization.batch_size,
        generates_video=strategy.video is not None and strategy.video.is_generated,
        generates_audio=strategy.audio is not None and strategy.audio.is_generated,
        full=config.model.training_mode == "full",
        half=config.acceleration.mixed_precision_mode in ("bf16", "fp16"),
        optimizer=optimization.optimizer_type,
        accumulation=optimization.gradient_accumulation_steps,
        checkpointing=optimization.enable_gradient_checkpointing,
        quantization=config.acceleration.quantization,
        mixed=tuple(name for name in MODALITIES if _is_mixed(getattr(strategy, name))),
    )
    if lora is None:
        return run
    return replace(
        run,
        rank=lora.rank,
        dropout=lora.dropout,
        targets=tuple(lora.target_modules),
        averaged=lora.ema_decay is not None,
    )


def _is_mixed(modality: ModalityConfig | None) -> bool:
    """Whether tokens of one sample may have different noise levels: with conditions; references are always clean."""
    if modality is None:
        return False
    return any(modality.is_generated or isinstance(condition, ReferenceCondition) for condition in modality.conditions)


def _model(facts: Facts, found: _Gathered) -> ModelShape:
    checkpoint = facts.sound_checkpoint
    if checkpoint is None:
        path = facts.config.model.model_path
        reason = "is not on this machine" if not path.exists() else "cannot be read as a model"
        found.assumed.append(f"the checkpoint {path} {reason}: the published LTX-{ASSUMED_RELEASE} shapes are used")
        return PUBLISHED[ASSUMED_RELEASE]
    try:
        return model_shape(checkpoint, facts.part(facts.files.video_vae_file) if facts.files else None)
    except (WizardError, KeyError, TypeError, ValueError) as error:
        found.assumed.append(
            f"the configuration of {checkpoint.path} is not understood ({error}): "
            f"the published LTX-{checkpoint.family} shapes are used"
        )
        return PUBLISHED[checkpoint.family]


def model_shape(checkpoint: Checkpoint, video_vae: Checkpoint | None = None) -> ModelShape:
    """The shape a transformer file describes; parts that stand in other files are those of its release.

    Raises CheckpointError, KeyError, TypeError or ValueError for a configuration that does not describe one.
    """
    config: dict[str, Any] = dict(transformer_config(checkpoint))
    release = PUBLISHED[checkpoint.family]
    modulated = bool(config.get("cross_attention_adaln", False))
    inner = not config.get("caption_proj_before_connector", False)
    audio_width = int(config["audio_num_attention_heads"]) * int(config["audio_attention_head_dim"])
    diffusion = video_vae is not None and video_vae.section("vae").get("_class_name") == "CausalDiffusionVAE"
    vae = release.vae
    if video_vae is not None:
        vae = "2.5" if diffusion else "2.0" if checkpoint.family == "2.0" else "2.3"
    return ModelShape(
        name=checkpoint.family,
        layers=int(config["num_layers"]),
        video=_branch(config, ""),
        audio=_branch(config, "audio_"),
        bridge_width=audio_width,
        caption_width=int(config["caption_channels"]) if inner else None,
        gated=bool(config.get("apply_gated_attention", False)),
        modulated=modulated,
        prompt_embedding=modulated and bool(config.get("use_prompt_adaln_single", True)),
        keyframe_embedding=bool(config.get("use_keyframes_abs_pos_embedding", False)),
        vae=vae,
        parts=_parts(checkpoint, video_vae, release.parts),
    )


def _branch(config: dict[str, Any], prefix: str) -> BranchShape:
    heads = int(config[f"{prefix}num_attention_heads"])
    return BranchShape(
        width=heads * int(config[f"{prefix}attention_head_dim"]),
        heads=heads,
        channels=int(config.get(f"{prefix}in_channels", config[f"{prefix}out_channels"])),
        ff_bias=bool(config.get(f"{prefix}ff_bias", True)),
    )


def _parts(checkpoint: Checkpoint, video_vae: Checkpoint | None, release: PartsShape) -> PartsShape:
    """Parameters of the other networks, counted where a file holds them."""

    def count(source: Checkpoint | None, *prefixes: str) -> int:
        tensors = () if source is None else source.header.tensors.items()
        return sum(info.numel for name, info in tensors if name.startswith(prefixes))

    vae = checkpoint if video_vae is None else video_vae
    found = {
        "video_connector": count(checkpoint, CONNECTOR_PREFIXES[0]),
        "audio_connector": count(checkpoint, CONNECTOR_PREFIXES[1]),
        "extractor": count(checkpoint, EXTRACTOR_PREFIX),
        "video_encoder": count(vae, "vae.encoder.", "encoder."),
        "video_decoder": count(vae, "vae.decoder.", "decoder."),
        "audio_encoder": count(checkpoint, "audio_vae.encoder."),
        "audio_decoder": count(checkpoint, "audio_vae.decoder."),
        "vocoder": count(checkpoint, "vocoder."),
    }
    return replace(release, **{name: number for name, number in found.items() if number})


def _tokens(facts: Facts, found: _Gathered) -> None:
    """Tokens of the largest sample: from the prepared data, else from the validation settings."""
    for opened in facts.opened:
        found.samples += 1
        video, audio = _sample_tokens(facts, opened, found)
        # The worst sample is the one with the most tokens of the wide half.
        found.video, found.audio = max((found.video, found.audio), (video, audio))
    if facts.opened and (found.video or not facts.video) and (found.audio or not facts.audio):
        return
    _assume_tokens(facts, found)


def _sample_tokens(facts: Facts, opened: Opened, found: _Gathered) -> tuple[int, int]:
    video = audio = 0
    for source in facts.sources:
        shape = opened.shape(source.role)
        if isinstance(shape, VideoShape) and source.kind == "video":
            video += shape.tokens
            size = ClipSize(
                shape.width * facts.scale.spatial,
                shape.height * facts.scale.spatial,
                (shape.frames - 1) * facts.scale.temporal + 1,
            )
            if found.clip is None or size.pixels * size.frames > found.clip.pixels * found.clip.frames:
                found.clip = size
        elif isinstance(shape, AudioShape) and source.kind == "audio":
            audio += shape.steps
        elif isinstance(shape, CaptionShape):
            found.text = shape.tokens
    return video, audio


def _assume_tokens(facts: Facts, found: _Gathered) -> None:
    validation, strategy = facts.config.validation, facts.config.training_strategy
    width, height, frames = validation.video_dims
    found.assumed.append(
        f"no prepared data was found at {facts.root}: "
        f"clips are taken to be as large as the validation samples, {width}x{height}x{frames}"
    )
    found.video = found.audio = 0
    if strategy.video is not None:
        references = sum(isinstance(condition, ReferenceCondition) for condition in strategy.video.conditions)
        tokens = video_tokens(width, height, frames, facts.scale.spatial, facts.scale.temporal)
        found.video = tokens * (1 + references)
        found.clip = ClipSize(width, height, frames)
        if references:
            found.assumed.append("references are taken to be as large as the clips")
    if strategy.audio is not None:
        references = sum(isinstance(condition, ReferenceCondition) for condition in strategy.audio.conditions)
        found.audio = round(frames / validation.frame_rate * AUDIO_RATE) * (1 + references)


def _validation(facts: Facts, found: _Gathered) -> ValidationShape | None:
    """The largest sample of the validation."""
    if not facts.validates:
        return None
    validation = facts.config.validation
    sizes = [sample.video_dims or validation.video_dims for sample in validation.samples]
    width, height, frames = max(sizes, key=math.prod)
    video = validation.generate_video and facts.video
    audio = validation.generate_audio and facts.audio
    if any(condition.type == "reference" for sample in validation.samples for condition in sample.conditions):
        found.assumed.append("references of validation samples are not counted")
    return ValidationShape(
        clip=ClipSize(width, height, frames) if video else None,
        video_tokens=video_tokens(width, height, frames, facts.scale.spatial, facts.scale.temporal) if video else 0,
        audio_tokens=round(frames / validation.frame_rate * AUDIO_RATE) if audio else 0,
        offload_optimizer=facts.config.acceleration.offload_optimizer_during_validation,
        conditions=any(sample.conditions for sample in validation.samples),
    )
