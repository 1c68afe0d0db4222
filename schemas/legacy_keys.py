"""Keys and strategies that older files hold; still read, never written."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Literal

from schemas.setting import LocalPath, Number, Section, setting


class LegacyValidationKeys(Section):
    """Retired keys of ``validation``; still read, never written."""

    guidance_scale: Number = setting(
        4.0,
        title="Guidance",
        text="One CFG scale for both modalities",
        ge=1.0,
        deprecated="validation.video_cfg_scale and validation.audio_cfg_scale",
    )
    stg_scale: Number = setting(
        1.0,
        title="STG",
        text="One STG scale for both modalities",
        ge=0.0,
        deprecated="validation.video_stg_scale and validation.audio_stg_scale",
    )
    stg_mode: Literal["stg_av", "stg_v"] = setting(
        "stg_av",
        title="STG mode",
        text="stg_av weakens both modalities, stg_v the video only",
        deprecated="validation.audio_stg_scale: 0 for the video only",
    )
    prompts: list[str] = setting(
        factory=list, title="Prompts", text="Captions of the samples", deprecated="validation.samples"
    )
    images: list[LocalPath] | None = setting(
        None, title="Images", text="First frame of each sample", deprecated="a first_frame condition of each sample"
    )
    reference_videos: list[LocalPath] | None = setting(
        None, title="References", text="Reference of each sample", deprecated="a reference condition of each sample"
    )
    reference_downscale_factor: int = setting(
        1,
        title="Reference factor",
        text="How many times smaller the references are",
        ge=1,
        deprecated="downscale_factor of each reference condition",
    )
    include_reference_in_output: bool = setting(
        False,
        title="Show references",
        text="Put the reference beside the sample",
        deprecated="include_in_output of each reference condition",
    )


class TextToVideoConfig(Section):
    """Retired strategy; read as flexible."""

    name: Literal["text_to_video"] = setting("text_to_video", title="Strategy", text="Retired; use flexible")
    first_frame_conditioning_p: Number = setting(
        0.1, title="First frame", text="Share of samples whose first frame is given", ge=0.0, le=1.0
    )
    with_audio: bool = setting(False, title="Audio", text="Train on audio too")
    audio_latents_dir: str = setting("audio_latents", title="Audio latents", text="Their directory", min_length=1)


class VideoToVideoConfig(Section):
    """Retired strategy; read as flexible with a reference condition."""

    name: Literal["video_to_video"] = setting("video_to_video", title="Strategy", text="Retired; use flexible")
    first_frame_conditioning_p: Number = setting(
        0.1, title="First frame", text="Share of samples whose first frame is given", ge=0.0, le=1.0
    )
    reference_latents_dir: str = setting("reference_latents", title="References", text="Their directory", min_length=1)


LEGACY_STRATEGIES: Final[Mapping[str, type[Section]]] = {
    "text_to_video": TextToVideoConfig,
    "video_to_video": VideoToVideoConfig,
}
