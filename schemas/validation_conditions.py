"""What a validation sample is given: single files, encoded when training starts."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from schemas.conditions import Region
from schemas.setting import LocalPath, Number, Section, fail, setting


def _video(text: str, default: Any = None) -> Any:
    return setting(default, title="Video", text=text, example="clips/input.mp4", provider="video_file", training=False)


def _audio(text: str, default: Any = None) -> Any:
    return setting(default, title="Audio", text=text, example="sounds/input.wav", provider="audio_file", training=False)


class _OneMedium(Section):
    """A condition on either modality: exactly one of ``video`` and ``audio`` is given."""

    @model_validator(mode="after")
    def _exactly_one(self) -> _OneMedium:
        given = [name for name in ("video", "audio") if getattr(self, name) is not None]
        if len(given) != 1:
            fail(
                f"exactly one of video and audio must be given, not {'both' if given else 'none'}",
                hint="delete one of them" if given else "set video or audio to a file",
                also=("video", "audio"),
            )
        return self

    def only_with(self, medium: str, name: str, neutral: Any) -> None:
        """Refuse a field that says nothing about the other medium rather than ignore it."""
        if getattr(self, name) != neutral and getattr(self, medium, None) is None:
            fail(
                f"{name} is about {medium} and this condition has none",
                hint=f"delete {name} or set {medium}",
                at=name,
                also=(medium,),
            )


class _Clip(_OneMedium):
    video: LocalPath | None = _video("Clip that is given")
    audio: LocalPath | None = _audio("Sound that is given")
    num_frames: int | None = setting(
        None,
        title="Frames",
        text="Frames of the video that are given; null: the whole clip (prefix 8k+1, suffix 8k frames)",
        ge=1,
        unit="frames",
        training=False,
    )
    duration: Number | None = setting(
        None,
        title="Duration",
        text="Seconds of the sound that are given; null: all of it",
        gt=0.0,
        unit="seconds",
        training=False,
    )

    @model_validator(mode="after")
    def _length_of_what_is_given(self) -> _Clip:
        self.only_with("video", "num_frames", None)
        self.only_with("audio", "duration", None)
        return self


class FirstFrameSample(Section):
    """The sample starts from this picture."""

    type: Literal["first_frame"] = setting("first_frame", title="Type", text="Image to video", training=False)
    image_or_video: LocalPath = setting(
        title="Picture",
        text="Image, or a video whose first frame is taken; resized and cropped to the sample",
        example="images/start.png",
        provider="image_or_video_file",
        training=False,
    )


class PrefixSample(_Clip):
    """The sample goes on from the end of this clip."""

    type: Literal["prefix"] = setting("prefix", title="Type", text="Extension forward", training=False)


class SuffixSample(_Clip):
    """The sample leads up to this clip."""

    type: Literal["suffix"] = setting("suffix", title="Type", text="Extension backward", training=False)


class SpatialCropSample(Section):
    """The sample paints around a rectangle of this clip."""

    type: Literal["spatial_crop"] = setting("spatial_crop", title="Type", text="Outpainting", training=False)
    video: LocalPath = setting(
        title="Video", text="Clip that is cropped", example="clips/input.mp4", provider="video_file", training=False
    )
    spatial_region: Region = setting(
        title="Region",
        text="Rectangle that is given: y1, x1, y2, x2; edges are rounded down to whole latent cells",
        unit="pixels",
        example=[0, 0, 288, 576],
        training=False,
    )


class MaskSample(_OneMedium):
    """The sample fills what the mask leaves open."""

    type: Literal["mask"] = setting("mask", title="Type", text="Inpainting", training=False)
    video: LocalPath | None = _video("Clip that is given where the mask is 1")
    audio: LocalPath | None = _audio("Sound that is given where the mask is 1")
    mask: LocalPath = setting(
        title="Mask",
        text="Image or video (white keeps), audio file or .pt tensor (1 keeps, 0 generates)",
        example="masks/input.mp4",
        provider="mask_file",
        training=False,
    )


class ReferenceSample(_OneMedium):
    """The sample follows this reference (IC-LoRA)."""

    type: Literal["reference"] = setting("reference", title="Type", text="IC-LoRA reference", training=False)
    video: LocalPath | None = _video("Reference clip")
    audio: LocalPath | None = _audio("Reference sound")
    downscale_factor: int = setting(
        1,
        title="Spatial factor",
        text="How many times smaller the reference is; as in the prepared references",
        ge=1,
        unit="times",
        speed="2 makes a quarter of the reference tokens",
        training=False,
    )
    temporal_scale_factor: int = setting(
        1,
        title="Temporal factor",
        text="How many times fewer frames the reference has; as in the prepared references",
        ge=1,
        unit="times",
        training=False,
    )
    include_in_output: bool = setting(
        False, title="Show reference", text="Put the reference to the left of the sample video", training=False
    )

    @model_validator(mode="after")
    def _video_options(self) -> ReferenceSample:
        self.only_with("video", "downscale_factor", 1)
        self.only_with("video", "temporal_scale_factor", 1)
        self.only_with("video", "include_in_output", False)
        return self


class VideoToAudioSample(Section):
    """The whole video is given, its sound is generated."""

    type: Literal["video_to_audio"] = setting("video_to_audio", title="Type", text="Foley", training=False)
    video: LocalPath = setting(
        title="Video", text="Clip to find sound for", example="clips/input.mp4", provider="video_file", training=False
    )


class AudioToVideoSample(Section):
    """The whole sound is given, its video is generated."""

    type: Literal["audio_to_video"] = setting("audio_to_video", title="Type", text="Sound to video", training=False)
    audio: LocalPath = setting(
        title="Audio",
        text="Sound to find a video for",
        example="sounds/input.wav",
        provider="audio_file",
        training=False,
    )


ValidationCondition = Annotated[
    FirstFrameSample
    | PrefixSample
    | SuffixSample
    | SpatialCropSample
    | MaskSample
    | ReferenceSample
    | VideoToAudioSample
    | AudioToVideoSample,
    Field(discriminator="type"),
]


def targets(condition: Section) -> str:
    """The modality a validation condition acts on: ``video`` or ``audio`` (for the frozen kinds: the given one)."""
    if isinstance(condition, FirstFrameSample | SpatialCropSample | VideoToAudioSample):
        return "video"
    if isinstance(condition, AudioToVideoSample):
        return "audio"
    return "audio" if getattr(condition, "video", None) is None else "video"
