"""All options of ``prepare``: how media and captions become training data."""

from __future__ import annotations

import re
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, model_validator

from schemas.setting import LocalPath, Number, Section, fail, setting


def _buckets(value: Any) -> Any:
    """Read ``WxHxF;WxHxF`` as a list of (width, height, frames)."""
    if not isinstance(value, str):
        return value
    buckets = []
    for text in filter(None, (part.strip() for part in value.split(";"))):
        match = re.fullmatch(r"(\d{1,5})x(\d{1,5})x(\d{1,5})", text)
        if not match:
            fail(f"{text!r} is not a bucket", hint="write width x height x frames, as 960x544x89;576x576x49")
        buckets.append(tuple(int(number) for number in match.groups()))
    return buckets


def _durations(value: Any) -> Any:
    """Read ``2.0;4.0`` as a list of seconds."""
    if not isinstance(value, str):
        return value
    try:
        return [float(part) for part in filter(None, (part.strip() for part in value.split(";")))]
    except ValueError:
        fail(f"{value!r} is not a list of durations", hint="write seconds, as 2.0;4.0;8.0")


_SIZE = Annotated[int, Field(ge=1, le=65536)]
Bucket = Annotated[tuple[_SIZE, _SIZE, _SIZE], Field(strict=False)]
"""Width, height, frames."""


class PrepareOptions(Section):
    """Options of ``prepare``; names as on the command line, with underscores."""

    dataset_path: LocalPath = setting(
        title="Dataset", text="Dataset file: .csv, .json (a list of objects) or .jsonl", example="clips/dataset.json"
    )
    resolution_buckets: Annotated[list[Bucket] | None, BeforeValidator(_buckets)] = setting(
        None,
        title="Buckets",
        text="Sizes clips are brought to, WxHxF;WxHxF: sides in multiples of 32, frames 8k+1; needed with video",
        example="960x544x89",
        memory="more tokens: more training memory",
    )
    model_path: LocalPath = setting(
        title="Checkpoint", text="LTX-2 checkpoint, unified or split transformer", provider="checkpoint_file"
    )
    text_encoder_path: LocalPath = setting(
        title="Text encoder", text="Gemma of the same release: directory or packed file", provider="text_encoder"
    )
    video_vae_path: LocalPath | None = setting(
        None, title="Video VAE", text="Separate file of a split release", provider="vae_file"
    )
    audio_vae_path: LocalPath | None = setting(
        None, title="Audio VAE", text="Separate file of a split release", provider="vae_file"
    )
    caption_column: str | None = setting(None, title="Caption column", text="Column holding the captions", min_length=1)
    video_column: str | None = setting(None, title="Video column", text="Column holding the videos", min_length=1)
    batch_size: int = setting(1, title="Batch size", text="Videos encoded at once", ge=1, memory="grows in proportion")
    device: str = setting("cuda", title="Device", text="Where the encoders run", min_length=1, example="cpu")
    vae_tiling: bool = setting(
        False, title="Tiling", text="Encode large pictures in tiles", memory="caps the encoder", speed="slower"
    )
    output_dir: LocalPath | None = setting(
        None, title="Output", text="Where to write; null: .precomputed beside the dataset file", provider="directory"
    )
    lora_trigger: str | None = setting(
        None, title="Trigger word", text="Put before every caption, one space between", example="sks style"
    )
    decode: bool = setting(False, title="Decode", text="Decode what was encoded, to look at it")
    remove_llm_prefixes: bool = setting(
        False, title="Strip openings", text='Drop openings such as "This video shows" from captions'
    )
    skip_audio: bool = setting(False, title="Skip audio", text="Do not take the sound out of the videos")
    audio_durations: Annotated[list[Annotated[Number, Field(gt=0)]] | None, BeforeValidator(_durations)] = setting(
        None, title="Durations", text="Lengths sounds are cut to without video, in seconds", example="2.0;4.0;8.0"
    )
    with_audio: bool = setting(
        False,
        title="With audio",
        text="Does nothing: audio is on by default",
        deprecated="nothing; use skip_audio to turn audio off",
    )
    load_text_encoder_in_8bit: bool = setting(
        False, title="8-bit text encoder", text="Load Gemma in 8 bits", memory="saves about 8 GB"
    )
    stream_text_encoder: bool = setting(
        False,
        title="Stream text encoder",
        text="Read Gemma from its files layer by layer through the device: the same numbers",
        memory="two layers (0.9 GB) instead of 22 GB; host memory: two layers and 0.4 GB for each of up to 32 captions",
        speed="all layers are read anew for every 32 captions",
        extension=True,
    )
    reference_downscale_factor: int = setting(
        1, title="Spatial factor", text="How many times smaller references are encoded", ge=1
    )
    reference_temporal_scale_factor: int = setting(
        1, title="Temporal factor", text="How many times fewer frames references keep", ge=1
    )
    overwrite: bool = setting(False, title="Overwrite", text="Encode again what is already there")
    image_fps: Number = setting(
        24.0,
        title="Image frame rate",
        text="Frame rate written for images, which have none; use that of the videos you train with",
        gt=0.0,
        le=1000.0,
        unit="fps",
        extension=True,
    )

    @model_validator(mode="after")
    def _references_need_one_bucket(self) -> PrepareOptions:
        factors = (self.reference_downscale_factor, self.reference_temporal_scale_factor)
        if max(factors) > 1 and len(self.resolution_buckets or []) != 1:
            fail(
                "scaled references need exactly one bucket",
                hint="give one bucket, or factors of 1",
                at="resolution_buckets",
            )
        return self
