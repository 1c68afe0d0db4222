"""The model files: present, sound, plain weights, and with every part this run needs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from schemas.errors import EXIT_DATA, WizardError
from trainer.files.checkpoint import CONNECTOR_PREFIXES, Checkpoint, disagreements, transformer_config
from trainer.files.transformer_config import has_audio, has_video
from trainer.preflight.facts import Facts, missing
from trainer.preflight.problem import Problem, error, from_error, warning

_MODEL: Final = "model.model_path"
_LARGE: Final = 8 << 30
"""Bytes of bf16 weights."""


def model_file(facts: Facts) -> Iterator[Problem]:
    """The checkpoint exists, is an LTX-2 transformer with plain weights, and its tensors agree with its config."""
    path = facts.config.model.model_path
    found, checkpoint = missing(path, _MODEL), facts.checkpoint
    if found is not None:
        yield found
        return
    if isinstance(checkpoint, WizardError):
        yield from_error(checkpoint, "checkpoint-invalid", _MODEL)
        return
    if facts.sound_checkpoint is None:
        yield error(
            "checkpoint-not-a-transformer",
            _MODEL,
            f"{path} is a {checkpoint.layout} file",
            "name the transformer or the unified file of the release",
            exit_code=EXIT_DATA,
        )
        return
    if checkpoint.quantisation:
        yield error(
            "checkpoint-quantised",
            _MODEL,
            f"{path} holds {checkpoint.quantisation} weights; training starts from the original ones",
            "use the bf16 file of the release; to save memory set acceleration.quantization",
            exit_code=EXIT_DATA,
        )
    else:
        yield from _configuration(checkpoint)
    if "distilled" in path.name.lower():
        yield warning(
            "checkpoint-distilled",
            _MODEL,
            f"{path.name} looks like a distilled model; adapters are trained on the dev model",
            "use the dev file unless you mean this",
        )


def _configuration(checkpoint: Checkpoint) -> Iterator[Problem]:
    try:
        transformer_config(checkpoint)
    except WizardError as found:
        yield from_error(found, "checkpoint-config", _MODEL)
        return
    for message in disagreements(checkpoint):
        yield error(
            "checkpoint-config",
            _MODEL,
            f"{checkpoint.path}: {message}",
            "the file was changed or is damaged: use the original of the release",
            exit_code=EXIT_DATA,
        )


def model_parts(facts: Facts) -> Iterator[Problem]:
    """Explicit part paths are usable, and the branches and connectors of the trained modalities are there."""
    yield from facts.part_problems
    checkpoint = facts.sound_checkpoint
    if checkpoint is None:
        return
    branches = (("video", facts.video, has_video), ("audio", facts.audio, has_audio))
    for name, trained, holds in branches:
        if trained and not holds(checkpoint):
            yield error(
                f"checkpoint-without-{name}",
                f"training_strategy.{name}",
                f"{checkpoint.path} has no {name} branch, but the strategy trains with {name}",
                f"use a checkpoint with {name}, or set training_strategy.{name} to null",
                exit_code=EXIT_DATA,
            )
        elif trained and facts.files is not None:
            yield from _connector(facts, name)


def _connector(facts: Facts, name: str) -> Iterator[Problem]:
    assert facts.files is not None
    prefix = next(prefix for prefix in CONNECTOR_PREFIXES if f"{name}_embeddings" in prefix)
    searched = [part for part in map(facts.part, facts.files.connectors) if part is not None]
    if any(part.has(prefix) for part in searched):
        return
    yield error(
        "connectors-missing",
        _MODEL,
        f"no file holds the {name} text connector ({', '.join(str(part.path) for part in searched)})",
        "captions pass through it: use the original files of the release",
        exit_code=EXIT_DATA,
    )


def latent_channels(facts: Facts) -> Iterator[Problem]:
    """A video VAE given by path makes latents of the width the transformer takes."""
    checkpoint, files = facts.sound_checkpoint, facts.files
    if checkpoint is None or files is None or files.video_vae_file in (None, checkpoint.path):
        return
    vae, expected = facts.part(files.video_vae_file), video_channels(checkpoint)
    channels = None if vae is None else vae_channels(vae)
    if channels is not None and expected is not None and channels != expected:
        yield error(
            "vae-channels",
            "model.video_vae_path",
            f"this VAE makes {channels} channels, the transformer takes {expected}",
            "use the VAE of the same release",
            exit_code=EXIT_DATA,
        )


def vae_channels(vae: Checkpoint) -> int | None:
    """Latent channels of a video VAE, from its statistics; None when the file holds none."""
    for prefix in ("vae.", ""):
        found = vae.header.tensors.get(f"{prefix}per_channel_statistics.mean-of-means")
        if found is not None and found.shape:
            return found.shape[0]
    return None


def video_channels(checkpoint: Checkpoint) -> int | None:
    """Latent channels the transformer's video branch takes."""
    found = checkpoint.transformer_tensors.get("patchify_proj.weight")
    return None if found is None else found.shape[1]


def audio_channels(checkpoint: Checkpoint) -> int | None:
    """Width of one audio token: channels x frequency bins."""
    found = checkpoint.transformer_tensors.get("audio_patchify_proj.weight")
    return None if found is None else found.shape[1]


def registers(facts: Facts, name: str) -> tuple[int, int] | None:
    """(count, width) of a text connector's registers: the width of the caption features it takes."""
    if facts.files is None:
        return None
    for part in map(facts.part, facts.files.connectors):
        key = f"model.diffusion_model.{name}_embeddings_connector.learnable_registers"
        found = None if part is None else part.header.tensors.get(key)
        if found is not None and len(found.shape) == 2:
            return found.shape[0], found.shape[1]
    return None


def gradient_checkpointing(facts: Facts) -> Iterator[Problem]:
    """Without it a real model keeps tens of gigabytes of activations."""
    weights = sum(module.inputs * module.outputs for module in facts.present_modules) * 2
    if weights > _LARGE and not facts.config.optimization.enable_gradient_checkpointing:
        yield warning(
            "no-gradient-checkpointing",
            "optimization.enable_gradient_checkpointing",
            "a model of this size rarely fits a card without gradient checkpointing",
            "set it to true",
        )
