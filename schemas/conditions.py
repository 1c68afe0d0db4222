"""What a training sample is given for free: the conditions of a modality."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from schemas.setting import Number, Section, fail, setting


def _region(value: tuple[int, int, int, int]) -> tuple[int, int, int, int]:
    top, left, bottom, right = value
    if min(value) < 0:
        fail("a region has no negative coordinates", hint="give [y1, x1, y2, x2] in pixels, counted from the top left")
    if top >= bottom or left >= right:
        fail(
            f"the region is empty: it needs y1 < y2 and x1 < x2, got {list(value)}",
            hint="the order is [y1, x1, y2, x2] in pixels, counted from the top left",
        )
    return value


Region = Annotated[tuple[int, int, int, int], Field(strict=False), AfterValidator(_region)]
"""Pixels of a rectangle: y1, x1, y2, x2, the far edges excluded."""


def probability() -> float:
    """The field every training condition has."""
    declared: float = setting(
        1.0,
        title="Probability",
        text="Share of training samples the condition is applied to",
        ge=0.0,
        le=1.0,
        quality="below 1 the model also keeps learning to work without the condition",
    )
    return declared


def _latents_dir(title: str, text: str, example: str) -> str:
    declared: str = setting(title=title, text=text, example=example, min_length=1, provider="data_directory")
    return declared


def _boundary(text: str, quality: str) -> int:
    declared: int = setting(title="Length", text=text, ge=1, unit="latent frames", example=8, quality=quality)
    return declared


class FirstFrameCondition(Section):
    """The first latent frame is given clean and not counted in the loss (image to video). Video only."""

    type: Literal["first_frame"] = setting("first_frame", title="Type", text="Image to video")
    probability: Number = probability()
    skip_stills: bool = setting(
        False,
        title="Skip stills",
        text="Leave it out for clips of a single latent frame, such as images, instead of refusing them",
        advanced=True,
        extension=True,
        quality="for images and videos in one dataset; given its only frame, an image has nothing left to learn",
    )


class PrefixCondition(Section):
    """The beginning is given clean: the model learns to go on forward."""

    type: Literal["prefix"] = setting("prefix", title="Type", text="Extension forward")
    temporal_boundary: int = _boundary(
        "How many latent frames (video) or latent steps (audio, 25 a second) at the start are given",
        "8 video latent frames are 57 frames; it must be shorter than the clips",
    )
    probability: Number = probability()


class SuffixCondition(Section):
    """The end is given clean: the model learns to lead up to it."""

    type: Literal["suffix"] = setting("suffix", title="Type", text="Extension backward")
    temporal_boundary: int = _boundary(
        "How many latent frames (video) or latent steps (audio, 25 a second) at the end are given",
        "8 video latent frames are 64 frames; it must be shorter than the clips",
    )
    probability: Number = probability()


class SpatialCropCondition(Section):
    """A rectangle is given clean: the model learns to paint around it. Video only."""

    type: Literal["spatial_crop"] = setting("spatial_crop", title="Type", text="Outpainting")
    spatial_region: Region = setting(
        title="Region",
        text="Rectangle that is given: y1, x1, y2, x2; edges are rounded down to whole latent cells",
        unit="pixels",
        example=[0, 0, 288, 576],
    )
    probability: Number = probability()


class MaskCondition(Section):
    """A mask per sample says what is given clean (1) and what is generated (0)."""

    type: Literal["mask"] = setting("mask", title="Type", text="Inpainting")
    mask_dir: str = _latents_dir("Masks", "Directory of prepared masks below the data root", "video_masks")
    probability: Number = probability()


class ReferenceCondition(Section):
    """Clean reference tokens are joined to the sequence (IC-LoRA)."""

    type: Literal["reference"] = setting("reference", title="Type", text="IC-LoRA reference")
    latents_dir: str = _latents_dir(
        "References", "Directory of prepared reference latents below the data root", "reference_latents"
    )
    probability: Number = setting(
        1.0,
        title="Probability",
        text="Share of training batches the reference is joined to",
        ge=0.0,
        le=1.0,
        memory="a reference of full size doubles the tokens of the sequence",
        speed="a reference of full size more than doubles the time of a step",
    )
    timing: Literal["own", "target"] = setting(
        "own",
        title="Timing",
        text="Whose frame rate places a video reference in time: its own, or the target's frame by frame, as the "
        "retired video_to_video strategy did",
        advanced=True,
        extension=True,
    )


TrainingCondition = Annotated[
    FirstFrameCondition | PrefixCondition | SuffixCondition | SpatialCropCondition | MaskCondition | ReferenceCondition,
    Field(discriminator="type"),
]
