"""What would end a run sooner or later, asked before anything of it is written."""

from __future__ import annotations

from typing import TYPE_CHECKING

from schemas.errors import ConfigError
from trainer.files.checkpoint import resolve_model_files
from trainer.loop.start import find_start_weights
from trainer.model.inputs import Modalities
from trainer.objective.strategy import plan_of
from trainer.preflight.refusal import demand_sound_data
from trainer.validation.plan import made_modalities, plan_samples
from trainer.validation.space import LatentSpace

if TYPE_CHECKING:
    from schemas import LtxTrainerConfig


def demand_trainable(config: LtxTrainerConfig) -> None:
    """Raise the WizardError that this configuration would end with; files are read, nothing is loaded or written.

    Samples and conditions are held against each other as `check` does it, one table for all that is wrong with them.
    """
    if config.hub.push_to_hub:
        raise ConfigError(
            "publishing to the Hub is not supported yet",
            where="hub.push_to_hub",
            hint="set it to false and upload the exported file afterwards",
        )
    demand_sound_data(config)
    files = resolve_model_files(config.model)
    find_start_weights(config)
    needs_text = config.training_strategy.caption_dropout > 0
    if config.validation.samples and config.validation.interval is not None:
        needs_text = True
        plan = plan_of(config.training_strategy)
        held = Modalities(video=plan.video is not None, audio=plan.audio is not None)
        if made_modalities(config.validation, held) is not None:
            space = LatentSpace.of(files)
            plan_samples(config.validation, held, space.scale, space.blocks)
    if needs_text and files.text_encoder is None:
        raise ConfigError(
            "validation prompts and dropped captions need the text encoder, and none is configured",
            where="model.text_encoder_path",
            hint="set it, or delete validation.samples and set training_strategy.caption_dropout to 0",
        )
