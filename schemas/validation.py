"""``validation``: the samples made during training and how they are made."""

from __future__ import annotations

from typing import Annotated, Any, Final

from pydantic import Field, model_validator

from schemas.legacy import migrate_validation
from schemas.setting import LocalPath, Number, Section, When, fail, setting
from schemas.validation_conditions import ValidationCondition, targets

DEFAULT_NEGATIVE_PROMPT: Final = (
    "overexposed, underexposed, washed out, harsh contrast, grainy, noisy, compression blocks, banding, blurry, "
    "out of focus, low resolution, deformed hands, extra fingers, missing limbs, twisted body, melted face, "
    "shaky camera, jerky motion, stutter, frozen picture, flicker, ghosting, focus hunting, flat lighting, "
    "unnatural skin tone, wrong colours, plastic look, computer graphics, cartoon, drawing, oversmoothed, "
    "blank stare, exaggerated expression, lips out of sync, mumbled speech, robotic voice, distorted voice, echo, "
    "background hiss, clipping, sound out of sync, rushed pacing, subject cut off, crooked horizon, text, watermark"
)
"""Faults the samples are steered away from: picture, anatomy, camera, light, style, faces, voice, sound, framing."""

_SIZE = Annotated[int, Field(ge=1, le=65536)]
Dimensions = Annotated[tuple[_SIZE, _SIZE, _SIZE], Field(strict=False)]
"""Width and height in pixels and number of frames."""
_SEED_MAX = 2**64 - 1
_WITH_VIDEO = When("validation.generate_video", (True,))
_WITH_AUDIO = When("validation.generate_audio", (True,))
_COST = "1 saves one of up to four forward passes of every denoising step"


def _scale(default: float, title: str, text: str, *, floor: float, when: When, speed: str, advanced: bool) -> float:
    declared: float = setting(
        default, title=title, text=text, ge=floor, when=when, speed=speed, advanced=advanced, training=False
    )
    return declared


class ValidationSample(Section):
    """One sample: what is asked for and what is given."""

    prompt: str = setting(
        title="Prompt",
        text="Caption of the sample, written like the captions of the dataset, trigger word included",
        example="A red fox trots through fresh snow. Its paws crunch softly.",
        multiline=True,
        training=False,
    )
    conditions: list[ValidationCondition] = setting(
        factory=list,
        title="Conditions",
        text="Files given to the sample; none makes it from the prompt alone",
        example=[{"type": "first_frame", "image_or_video": "images/start.png"}],
        training=False,
    )
    video_dims: Dimensions | None = setting(
        None,
        title="Size",
        text="Width, height and frames of this sample; null: those of validation.video_dims",
        example=[576, 576, 49],
        training=False,
    )
    seed: int | None = setting(
        None,
        title="Seed",
        text="Seed of this sample; null: validation.seed",
        ge=0,
        le=_SEED_MAX,
        advanced=True,
        training=False,
    )

    @model_validator(mode="after")
    def _frozen_modalities(self) -> ValidationSample:
        kinds = [condition.type for condition in self.conditions]
        for frozen, modality in (("video_to_audio", "video"), ("audio_to_video", "audio")):
            if frozen not in kinds:
                continue
            others = [c.type for c in self.conditions if targets(c) == modality and c.type != frozen]
            if "video_to_audio" in kinds and "audio_to_video" in kinds:
                fail("video_to_audio and audio_to_video exclude each other", hint="keep one of them", at="conditions")
            if others or kinds.count(frozen) > 1:
                fail(
                    f"{frozen} gives the whole {modality}: no other {modality} condition fits beside it",
                    hint=f"delete {', '.join(others) or 'the second one'}",
                    at="conditions",
                )
        return self


class ValidationConfig(Section):
    """Samples made at intervals, with what guidance, at what size."""

    samples: list[ValidationSample] = setting(
        factory=list,
        title="Samples",
        text="What is generated at each validation; none: no validation",
        example=[{"prompt": "A red fox trots through fresh snow."}],
        speed="each sample takes inference_steps times up to four forward passes",
        training=False,
    )
    negative_prompt: str = setting(
        DEFAULT_NEGATIVE_PROMPT,
        title="Negative prompt",
        text="Faults the samples are steered away from; used where a CFG scale is not 1",
        multiline=True,
        advanced=True,
        training=False,
    )
    video_dims: Dimensions = setting(
        (960, 544, 89),
        title="Size",
        text="Width, height and frames of the samples: sides in multiples of 32, frames 8k+1 "
        "(the checkpoint's VAE decides)",
        example=[576, 576, 49],
        memory="decoding and attention grow with the number of tokens: 960x544x89 has 6120, 576x576x49 2268",
        speed="time grows a little faster than the number of tokens",
        training=False,
    )
    frame_rate: Number = setting(
        24.0,
        title="Frame rate",
        text="Frames per second of the samples; as in the dataset",
        gt=0.0,
        le=1000.0,
        unit="fps",
        training=False,
    )
    seed: int = setting(
        42,
        title="Seed",
        text="Seed of the samples: the same noise at every validation",
        ge=0,
        le=_SEED_MAX,
        advanced=True,
        training=False,
    )
    inference_steps: int = setting(
        30,
        title="Denoising steps",
        text="Steps from noise to sample",
        ge=1,
        le=1000,
        recommended=30,
        unit="steps",
        speed="validation time is linear in it",
        quality="40 for 2.0, 30 for 2.3 and 2.5, 8 for distilled models",
        training=False,
    )
    interval: int | None = setting(
        100,
        title="Validate every",
        text="Optimizer steps between two validations; null: never",
        ge=1,
        recommended=100,
        unit="steps",
        speed="validation may take longer than the training between two of them",
        training=False,
    )
    video_cfg_scale: Number = _scale(
        3.0,
        "Video CFG",
        "How strongly the video follows the prompt; 1 is off",
        floor=1.0,
        when=_WITH_VIDEO,
        speed=_COST,
        advanced=False,
    )
    audio_cfg_scale: Number = _scale(
        7.0,
        "Audio CFG",
        "How strongly the sound follows the prompt; 1 is off",
        floor=1.0,
        when=_WITH_AUDIO,
        speed=_COST,
        advanced=False,
    )
    video_stg_scale: Number = _scale(
        1.0,
        "Video STG",
        "Steers the video away from a version with weakened self-attention; 0 is off",
        floor=0.0,
        when=_WITH_VIDEO,
        speed="0 for both modalities saves one of up to four forward passes",
        advanced=True,
    )
    audio_stg_scale: Number = _scale(
        1.0,
        "Audio STG",
        "Steers the sound away from a version with weakened self-attention; 0 is off",
        floor=0.0,
        when=_WITH_AUDIO,
        speed="0 for both modalities saves one of up to four forward passes",
        advanced=True,
    )
    stg_blocks: list[Annotated[int, Field(ge=0)]] | None = setting(
        factory=lambda: [28],
        title="STG blocks",
        text="Transformer blocks whose self-attention is weakened for STG; null: all",
        example=[28],
        advanced=True,
        when=(
            When("validation.video_stg_scale", (0,), negated=True),
            When("validation.audio_stg_scale", (0,), negated=True),
        ),
        quality="block 29 for 2.0, block 28 for 2.3 and 2.5",
        training=False,
    )
    guidance_rescale: Number = setting(
        0.7,
        title="Rescale",
        text="Pulls the contrast of the guided prediction back to that of the unguided one; 0 is off, 1 full",
        ge=0.0,
        le=1.0,
        advanced=True,
        quality="against burnt-in contrast at high scales; 0 for distilled models",
        training=False,
    )
    video_modality_guidance_scale: Number = _scale(
        3.0,
        "Video-audio guidance",
        "How strongly the video follows its sound; 1 is off",
        floor=1.0,
        when=_WITH_VIDEO,
        speed=_COST,
        advanced=True,
    )
    audio_modality_guidance_scale: Number = _scale(
        3.0,
        "Audio-video guidance",
        "How strongly the sound follows its video; 1 is off",
        floor=1.0,
        when=_WITH_AUDIO,
        speed=_COST,
        advanced=True,
    )
    generate_audio: bool = setting(
        True,
        title="Generate audio",
        text="Make the sound of the samples",
        memory="false loads no audio decoder and no vocoder",
        training=False,
    )
    generate_video: bool = setting(
        True,
        title="Generate video",
        text="Make the video of the samples",
        memory="false loads no video decoder",
        training=False,
    )
    skip_initial_validation: bool = setting(
        False,
        title="Skip step 0",
        text="No samples before the first step; they show what the base model does",
        training=False,
    )

    loss_interval: int | None = setting(
        None,
        title="Loss every",
        text="Optimizer steps between two measurements of the loss on held-out samples, at fixed noise; null: never",
        ge=1,
        example=100,
        unit="steps",
        extension=True,
        speed="four forward passes for each held-out sample",
        quality="it rises when training begins to learn its clips by heart",
        training=False,
    )
    loss_holdout: int = setting(
        0,
        title="Held-out samples",
        text="Samples of the training data that are not trained on but measured; chosen by their names",
        ge=0,
        le=100_000,
        example=4,
        unit="samples",
        extension=True,
    )
    loss_data_root: LocalPath | None = setting(
        None,
        title="Held-out data",
        text="Prepared data of the same kind that the loss is measured on; null: what loss_holdout holds out",
        example="/data/other_clips/.precomputed",
        provider="directory",
        extension=True,
        when=When("validation.loss_interval", (None,), negated=True),
        training=False,
    )

    @model_validator(mode="before")
    @classmethod
    def _older_keys(cls, data: Any) -> Any:
        return migrate_validation(data).require() if isinstance(data, dict) else data

    @model_validator(mode="after")
    def _loss_has_samples(self) -> ValidationConfig:
        if self.loss_interval is not None and self.loss_data_root is None and not self.loss_holdout:
            fail(
                "the loss needs samples that are not trained on",
                hint="set validation.loss_holdout to how many, or validation.loss_data_root to other prepared data",
                at="loss_interval",
                also=("loss_holdout", "loss_data_root"),
            )
        return self

    @model_validator(mode="after")
    def _something_is_generated(self) -> ValidationConfig:
        if not self.samples:
            return self
        if not (self.generate_video or self.generate_audio):
            fail(
                "samples need generate_video or generate_audio",
                hint="set one of them to true, or delete the samples",
                at="generate_video",
                also=("generate_audio", "samples"),
            )
        for index, sample in enumerate(self.samples):
            kinds = {condition.type for condition in sample.conditions}
            for frozen, wanted in (("video_to_audio", "generate_audio"), ("audio_to_video", "generate_video")):
                if frozen in kinds and not getattr(self, wanted):
                    fail(
                        f"{frozen} leaves nothing to generate while {wanted} is false",
                        hint=f"set validation.{wanted} to true",
                        at=f"samples[{index}].conditions",
                        also=(wanted,),
                    )
        return self
