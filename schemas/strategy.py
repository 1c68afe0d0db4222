"""``training_strategy``: what is generated, what is given."""

from __future__ import annotations

from typing import Literal

from pydantic import field_validator, model_validator

from schemas.conditions import FirstFrameCondition, SpatialCropCondition, TrainingCondition
from schemas.setting import Number, Section, fail, setting


class ModalityConfig(Section):
    """One modality of the training samples."""

    is_generated: bool = setting(
        title="Generated",
        text="true: noised, predicted and counted in the loss; false: given clean as context, no loss",
        example=True,
    )
    latents_dir: str = setting(
        title="Latents",
        text="Directory of prepared latents below the data root",
        min_length=1,
        example="latents",
        provider="data_directory",
    )
    conditions: list[TrainingCondition] = setting(
        factory=list,
        title="Conditions",
        text="What else is given to the model while it trains; the caption always is",
        example=[{"type": "first_frame", "probability": 0.5}],
    )
    loss_weight: Number = setting(
        1.0,
        title="Loss weight",
        text="How much this modality's loss counts in the sum of both; a given modality has no loss",
        ge=0.0,
        advanced=True,
        extension=True,
        quality="lower it for the modality that is learnt well already; at 0 it is noised and not learnt",
    )


class FlexibleStrategyConfig(Section):
    """Each modality is generated, given or absent, with conditions of its own."""

    name: Literal["flexible"] = setting("flexible", title="Strategy", text="Always flexible in current files")
    video: ModalityConfig | None = setting(
        None,
        title="Video",
        text="Video part of the samples; null trains without video and loads no video branch",
        example={"is_generated": True, "latents_dir": "latents"},
        memory="the video branch is about two thirds of the weights and has nearly all tokens",
    )
    audio: ModalityConfig | None = setting(
        None,
        title="Audio",
        text="Audio part of the samples; null trains without audio and loads no audio branch",
        example={"is_generated": True, "latents_dir": "audio_latents"},
        memory="the audio branch and what joins it to the video are about a third of the weights",
    )

    shared_sigma: bool = setting(
        False,
        title="Shared noise level",
        text="Draw one noise level for both modalities of a sample, as the retired text_to_video strategy did",
        advanced=True,
        extension=True,
        quality="sampling always uses one level for both; separate levels cover more combinations",
    )
    caption_dropout: Number = setting(
        0.0,
        title="Caption dropout",
        text="Share of training samples whose caption is replaced by the empty one; needs model.text_encoder_path",
        ge=0.0,
        le=1.0,
        advanced=True,
        extension=True,
        quality="5-10 % keep classifier-free guidance with an empty negative prompt in step with the adapter",
    )

    @field_validator("audio")
    @classmethod
    def _no_image_conditions_on_audio(cls, audio: ModalityConfig | None) -> ModalityConfig | None:
        for index, condition in enumerate(audio.conditions if audio else []):
            if isinstance(condition, FirstFrameCondition | SpatialCropCondition):
                fail(
                    f"{condition.type} is a video condition and cannot be applied to audio",
                    hint="move it to training_strategy.video.conditions or delete it",
                    at=f"conditions[{index}]",
                )
        return audio

    @model_validator(mode="after")
    def _something_is_generated(self) -> FlexibleStrategyConfig:
        generated = [modality for modality in (self.video, self.audio) if modality and modality.is_generated]
        given = [name for name in ("video", "audio") if getattr(self, name) is not None]
        if not generated:
            fail(
                "nothing is generated: at least one of video and audio needs is_generated: true",
                hint="set training_strategy.video.is_generated or training_strategy.audio.is_generated to true",
                also=tuple(f"{name}.is_generated" for name in given),
            )
        if not any(modality.loss_weight for modality in generated):
            fail(
                "nothing counts in the loss: every generated modality has loss_weight 0",
                hint="raise one of them, or give the modality as context with is_generated: false",
                also=tuple(f"{name}.loss_weight" for name in given),
            )
        return self
