"""``model``: which files are trained on and how."""

from __future__ import annotations

from typing import Literal

from schemas.setting import LocalPath, Section, setting

TrainingMode = Literal["lora", "full"]


class ModelConfig(Section):
    """Base model and training mode."""

    model_path: LocalPath = setting(
        title="Checkpoint",
        text="LTX-2 checkpoint (.safetensors) on the training machine: unified (2.0, 2.3) or transformer only (2.5)",
        example="/models/ltx-2.3-22b-dev.safetensors",
        provider="checkpoint_file",
        memory="the transformer of a 22B release takes about 35 GB in bf16, half of it in int8",
        quality="train on a dev model, not on a distilled one",
    )
    text_encoder_path: LocalPath | None = setting(
        None,
        title="Text encoder",
        text="Gemma of the same release: its directory (2.0, 2.3) or packed .safetensors file (2.5)",
        example="/models/gemma-3-12b",
        provider="text_encoder",
        memory="about 24 GB in bf16 while captions are encoded, never beside the transformer",
        training=False,
    )
    video_vae_path: LocalPath | None = setting(
        None,
        title="Video VAE",
        text="Separate video VAE file of a split release (2.5); null when the checkpoint holds it",
        example="/models/ltx-2.5-video-vae.safetensors",
        provider="vae_file",
        advanced=True,
        training=False,
    )
    audio_vae_path: LocalPath | None = setting(
        None,
        title="Audio VAE",
        text="Separate audio VAE and vocoder file of a split release (2.5); null when the checkpoint holds it",
        example="/models/ltx-2.5-audio-vae.safetensors",
        provider="vae_file",
        advanced=True,
        training=False,
    )
    training_mode: TrainingMode = setting(
        "lora",
        title="Training mode",
        text="lora trains small adapters beside frozen weights; full trains every weight",
        recommended="lora",
        memory="full needs weights, gradients and optimizer state of all parameters: several 80 GB cards",
        quality="lora is enough for styles, subjects and controls",
    )
    load_checkpoint: LocalPath | None = setting(
        None,
        title="Start from",
        text="LoRA or model weights (.safetensors) to start from, or a directory whose newest step is taken",
        example="outputs/my_run/checkpoints",
        provider="file_or_directory",
        advanced=True,
    )
