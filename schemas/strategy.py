"""``training_strategy``: what is generated, what is given."""

from __future__ import annotations

from typing import Literal

from pydantic import field_validator, model_validator

from schemas.conditions import FirstFrameCondition, SpatialCropCondition, TrainingCondition
from schemas.setting import Section, fail, setting


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
        if not any(modality and modality.is_generated for modality in (self.video, self.audio)):
            fail(
                "nothing is generated: at least one of video and audio needs is_generated: true",
                hint="set training_strategy.video.is_generated or training_strategy.audio.is_generated to true",
            )
        return self
