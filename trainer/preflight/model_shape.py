"""The shape of a model, read from the headers of its files and the configuration of its text encoder."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from presets.memory import PUBLISHED, BranchShape, ModelShape, PartsShape
from schemas.errors import WizardError
from trainer.files.checkpoint import CONNECTOR_PREFIXES, EXTRACTOR_PREFIX, Checkpoint, transformer_config
from trainer.files.gemma import TextEncoderInfo, read_text_encoder
from trainer.files.headers import read_header
from trainer.preflight.facts import Facts

ASSUMED_RELEASE = "2.3"
_EMBEDDING = "embed_tokens.weight"


def run_model(facts: Facts, assumed: list[str]) -> ModelShape:
    """The model of a run. What cannot be read is that of a published release, and said in ``assumed``."""
    model = _transformer(facts, assumed)
    path = facts.config.model.text_encoder_path
    if path is None or not facts.encodes_prompts:
        return model
    try:
        return replace(model, parts=with_text_encoder(model.parts, path))
    except (WizardError, OSError):
        reason = "is not on this machine" if not path.exists() else "cannot be read"
        assumed.append(f"the text encoder {path} {reason}: that of LTX-{model.name} as published is taken")
        return model


def _transformer(facts: Facts, assumed: list[str]) -> ModelShape:
    checkpoint = facts.sound_checkpoint
    if checkpoint is None:
        path = facts.config.model.model_path
        reason = "is not on this machine" if not path.exists() else "cannot be read as a model"
        assumed.append(f"the checkpoint {path} {reason}: the published LTX-{ASSUMED_RELEASE} shapes are used")
        return PUBLISHED[ASSUMED_RELEASE]
    try:
        return model_shape(checkpoint, facts.part(facts.files.video_vae_file) if facts.files else None)
    except (WizardError, KeyError, TypeError, ValueError) as error:
        assumed.append(
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


def with_text_encoder(parts: PartsShape, path: Path) -> PartsShape:
    """The parts with the text encoder that lies at ``path``. Raises CheckpointError for one that cannot be used."""
    info = read_text_encoder(path)
    sizes = {name: tensor.numel for file in _files(info) for name, tensor in read_header(file).tensors.items()}
    prefix = next((name.removesuffix(_EMBEDDING) for name in sizes if name.endswith(_EMBEDDING)), "")
    return replace(
        parts,
        text_encoder=sum(size for name, size in sizes.items() if name.startswith(prefix)),
        text_embedding=sizes.get(prefix + _EMBEDDING, 0),
        text_hidden=info.hidden_size,
        text_states=info.layers + 1,
    )


def _files(info: TextEncoderInfo) -> tuple[Path, ...]:
    return (info.path,) if info.kind == "packed" else tuple(sorted(info.path.glob("*.safetensors")))
