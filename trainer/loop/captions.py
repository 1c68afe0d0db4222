"""The empty caption, which takes the place of dropped ones."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import torch

from schemas.errors import ConfigError
from trainer.files.checkpoint import ModelFiles
from trainer.loop.precision import compute_dtype
from trainer.model.inputs import Modalities
from trainer.objective.batch import TextContext
from trainer.validation.entries import Entries
from trainer.validation.prompts import PromptEncoder

if TYPE_CHECKING:
    from schemas import LtxTrainerConfig


def empty_caption(
    config: LtxTrainerConfig, files: ModelFiles, modalities: Modalities, device: torch.device, cache: Path
) -> TextContext | None:
    """Its context ``[1, S, D]`` on ``device``, kept below ``cache``; None when no caption is ever dropped.

    The text encoder is loaded once, alone, when the cache does not hold it yet. Raises ConfigError without one.
    """
    if not config.training_strategy.caption_dropout:
        return None
    if files.text_encoder is None:
        raise ConfigError(
            "caption dropout needs the text encoder, to read the empty caption with",
            where="model.text_encoder_path",
            hint="set it, or set training_strategy.caption_dropout to 0",
        )
    encoder = PromptEncoder(
        files,
        Entries(cache),
        modalities,
        device,
        compute_dtype(config),
        config.acceleration.load_text_encoder_in_8bit,
        config.acceleration.stream_text_encoder,
    )
    found = encoder.encode([""])[""]
    video = None if found.video_SD is None else found.video_SD[None].to(device)
    audio = None if found.audio_SD is None else found.audio_SD[None].to(device)
    return TextContext(video, audio, None)
