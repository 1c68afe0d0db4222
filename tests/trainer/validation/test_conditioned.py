"""Every condition from its file to the finished sample, on the tiny model."""

from __future__ import annotations

import wave
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

from schemas import LtxTrainerConfig, validate
from schemas.errors import ConfigError
from tests.trainer.validation.conftest import World
from trainer.demo.clips import ClipShape, render_clips
from trainer.files.checkpoint import ModelFiles, resolve_model_files
from trainer.model.loading import load_transformer
from trainer.model.transformer import LtxTransformer
from trainer.rundir import EventLog, EventReader, RunDirectory
from trainer.validation import encoding, runner
from trainer.validation.decoding import Decoded, Latents, decode
from trainer.validation.output import SampleFile
from trainer.validation.runner import ValidationRunner

SHAPE = ClipShape(96, 64, 33, 24)
ROLES = ("video", "reference_video", "video_mask", "audio", "reference_audio")
DIMS = [64, 64, 17]
STEPS = 18
"""Latent steps of the sound of 17 frames at 24 fps."""


@dataclass(frozen=True)
class Media:
    """One clip in all its roles."""

    root: Path

    def __getattr__(self, role: str) -> str:
        folder = "clips" if role == "video" else role
        return str(next((self.root / folder).glob("red_circle_right.*")))


@pytest.fixture(scope="module")
def media(tmp_path_factory: pytest.TempPathFactory) -> Media:
    root = tmp_path_factory.mktemp("media")
    render_clips(root, count=1, shape=SHAPE, roles=ROLES)
    Image.fromarray(np.full((80, 60, 3), 200, np.uint8)).save(root / "start.png")
    mask = np.zeros((64, 96, 3), np.uint8)
    mask[:, :48] = 255
    Image.fromarray(mask).save(root / "mask.png")
    torch.save({"mask": torch.tensor([1, 0])}, root / "mask.pt")
    return Media(root)


def samples(media: Media) -> dict[str, list[dict[str, Any]]]:
    """Conditions by the name of their sample."""
    clip, sound = media.video, media.audio
    return {
        "nothing": [],
        "first_frame": [{"type": "first_frame", "image_or_video": str(media.root / "start.png")}],
        "prefix": [{"type": "prefix", "video": clip, "num_frames": 9}],
        "suffix": [{"type": "suffix", "video": clip, "num_frames": 8}],
        "spatial_crop": [{"type": "spatial_crop", "video": clip, "spatial_region": [0, 0, 64, 40]}],
        "mask": [{"type": "mask", "video": clip, "mask": str(media.root / "mask.png")}],
        "reference": [
            {"type": "reference", "video": media.reference_video, "downscale_factor": 2, "include_in_output": True}
        ],
        "video_to_audio": [{"type": "video_to_audio", "video": clip}],
        "audio_to_video": [{"type": "audio_to_video", "audio": sound}],
        "audio": [
            {"type": "prefix", "audio": sound, "duration": 0.2},
            {"type": "suffix", "audio": sound, "duration": 0.1},
            {"type": "reference", "audio": media.reference_audio},
        ],
        "audio_mask": [{"type": "mask", "audio": sound, "mask": str(media.root / "mask.pt")}],
        "several": [
            {"type": "reference", "video": media.reference_video, "temporal_scale_factor": 2},
            {"type": "mask", "video": clip, "mask": media.video_mask},
            {"type": "prefix", "audio": sound, "duration": 0.2},
            {"type": "first_frame", "image_or_video": clip},
        ],
    }


@dataclass(frozen=True)
class Outcome:
    """One validation with a sample for everything."""

    names: tuple[str, ...]
    runner: ValidationRunner
    made: tuple[SampleFile, ...]
    latents: list[Latents]

    def at(self, name: str) -> int:
        return self.names.index(name)

    def given(self, name: str, place: int = 0) -> Tensor:
        """Encoded content of a sample's condition."""
        return self.runner.media[self.at(name)].given[place].latents

    def video(self, name: str) -> Tensor:
        found = self.latents[self.at(name)].video_BCFHW
        assert found is not None
        return found

    def audio(self, name: str) -> Tensor:
        found = self.latents[self.at(name)].audio_BCTM
        assert found is not None
        return found


def configuration(world: World, root: Path, sampled: list[dict[str, Any]], **validation: Any) -> LtxTrainerConfig:
    """One denoising step without guidance."""
    off = {"video_cfg_scale": 1.0, "audio_cfg_scale": 1.0, "video_stg_scale": 0.0, "audio_stg_scale": 0.0}
    off |= {"video_modality_guidance_scale": 1.0, "audio_modality_guidance_scale": 1.0}
    (root / "data").mkdir(exist_ok=True)
    return validate(
        {
            "model": {"model_path": str(world.checkpoint), "text_encoder_path": str(world.gemma)},
            "lora": {},
            "training_strategy": {
                "name": "flexible",
                "video": {"is_generated": True, "latents_dir": "latents"},
                "audio": {"is_generated": True, "latents_dir": "audio_latents"},
            },
            "data": {"preprocessed_data_root": str(root / "data")},
            "validation": {
                "samples": sampled,
                "video_dims": DIMS,
                "frame_rate": 24.0,
                "inference_steps": 1,
                "stg_blocks": [1],
                **off,
                **validation,
            },
            "output_dir": str(root / "run"),
        }
    )


def runner_of(config: LtxTrainerConfig, files: ModelFiles, cache: Path) -> ValidationRunner:
    run = RunDirectory(Path(config.output_dir))
    run.create()
    return ValidationRunner(config, files, "cpu", torch.float32, run, EventLog(run.events_path), cache=cache)


@pytest.fixture(scope="module")
def files(world: World, tmp_path_factory: pytest.TempPathFactory) -> ModelFiles:
    return resolve_model_files(configuration(world, tmp_path_factory.mktemp("none"), []).model)


@pytest.fixture(scope="module")
def transformer(files: ModelFiles) -> LtxTransformer:
    return load_transformer(files, dtype=torch.float32)


DECODED = ("nothing", "reference", "video_to_audio", "audio_to_video", "several")
"""What is decoded has a shape or content of its own here; the others would only take their time."""


@pytest.fixture(scope="module")
def outcome(
    world: World, media: Media, files: ModelFiles, transformer: LtxTransformer, tmp_path_factory: pytest.TempPathFactory
) -> Outcome:
    wanted = samples(media)
    sampled = [{"prompt": "a red circle", "seed": 0, "conditions": conditions} for conditions in wanted.values()]
    config = configuration(world, tmp_path_factory.mktemp("run"), sampled)
    made = runner_of(config, files, world.prompts)
    made.prepare()
    kept: list[Latents] = []

    def some(files: ModelFiles, latents: list[Latents], seeds: list[int], **more: Any) -> list[Decoded]:
        kept.extend(latents)
        places = [list(wanted).index(name) for name in DECODED]
        shown = decode(files, [latents[place] for place in places], [seeds[place] for place in places], **more)
        return [shown[places.index(place) if place in places else 0] for place in range(len(latents))]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(runner, "decode", some)
        return Outcome(tuple(wanted), made, made.run(transformer, 7), kept)


def test_what_is_given_is_in_the_sample(outcome: Outcome) -> None:
    free = outcome.video("nothing")
    for name, part in {
        "first_frame": (slice(None), slice(None), slice(0, 1)),
        "prefix": (slice(None), slice(None), slice(0, 2)),
        "suffix": (slice(None), slice(None), slice(2, 3)),
    }.items():
        assert torch.equal(outcome.video(name)[part], outcome.given(name)), name
        rest = torch.ones(3, dtype=torch.bool)
        rest[part[2]] = False
        assert not torch.equal(outcome.video(name)[:, :, rest], outcome.given(name)[:, :, : int(rest.sum())])
    crop, masked = outcome.video("spatial_crop"), outcome.video("mask")
    assert torch.equal(crop[..., :1], outcome.given("spatial_crop")[..., :1])  # 40 pixels are one whole column
    assert not torch.equal(crop[..., 1:], outcome.given("spatial_crop")[..., 1:])
    # Scaled to cover and cut as its clip is, the left half of 96 pixels becomes the left half of 64.
    assert torch.equal(masked[..., :1], outcome.given("mask")[..., :1])
    assert not torch.equal(masked[..., 1:], outcome.given("mask")[..., 1:])
    assert torch.equal(outcome.video("video_to_audio"), outcome.given("video_to_audio"))
    assert torch.equal(outcome.audio("audio_to_video"), outcome.given("audio_to_video"))
    assert outcome.video("reference").shape == free.shape
    assert not torch.equal(outcome.video("reference"), free)


def test_given_sound_is_in_the_sample(outcome: Outcome) -> None:
    sound = outcome.audio("audio")
    start, end, reference = (outcome.given("audio", place) for place in range(3))
    assert (start.shape[2], end.shape[2], reference.shape[2]) == (5, 2, STEPS)
    assert torch.equal(sound[:, :, :5], start)
    assert torch.equal(sound[:, :, -2:], end)
    masked, whole = outcome.audio("audio_mask"), outcome.given("audio_mask")
    kept = outcome.runner.media[outcome.at("audio_mask")].given[0].mask
    assert kept is not None
    assert kept[0].tolist() == [1.0] * 9 + [0.0] * 9
    assert torch.equal(masked[:, :, kept[0] > 0], whole[:, :, kept[0] > 0])
    several = outcome.video("several")
    assert torch.equal(several[:, :, :1], outcome.given("several", 3))
    assert torch.equal(outcome.audio("several")[:, :, :5], outcome.given("several", 2))


def _pictures(path: Path) -> np.ndarray[Any, Any]:
    with av.open(str(path)) as container:
        return np.stack([frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)])


def test_files(outcome: Outcome) -> None:
    """Given modalities are in the output; a reference stands to the left, as high as the sample."""
    assert len(outcome.made) == len(outcome.names)
    for name in DECODED:
        item = outcome.made[outcome.at(name)]
        assert item.path.suffix == ".mp4"
        with av.open(str(item.path)) as container:
            assert len(container.streams.audio) == 1
            stream = container.streams.video[0]
            assert (stream.width, stream.height, stream.frames) == (128 if name == "reference" else 64, 64, 17), name
    shown = _pictures(outcome.made[outcome.at("reference")].path)[:, :, :64].astype(int)
    with av.open(outcome.runner.plans[outcome.at("reference")].shown_references()[0].video or "") as container:
        source = [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)][8]
    middle = np.asarray(Image.fromarray(source[:, 16:80]).resize((32, 32)).resize((64, 64))).astype(int)
    assert np.abs(shown[8] - middle).mean() < 12
    assert np.abs(shown[8] - shown[0]).mean() > 1  # it moves


def test_order_does_not_matter(
    outcome: Outcome, world: World, media: Media, files: ModelFiles, transformer: LtxTransformer, tmp_path: Path
) -> None:
    turned = samples(media)["several"][::-1]
    config = configuration(world, tmp_path, [{"prompt": "a red circle", "seed": 0, "conditions": turned}])
    again = runner_of(config, files, world.prompts)
    with pytest.MonkeyPatch.context() as patch:
        for name in ("load_video_encoder", "load_audio_encoder"):
            patch.setattr(encoding, name, None)  # all of it lies on disk: nothing is loaded
        again.prepare()
    (item,) = again.run(transformer, 7)
    expected = outcome.made[outcome.at("several")].path
    assert item.path.read_bytes() == expected.read_bytes()


def test_sound_alone_and_a_single_frame(
    world: World, media: Media, files: ModelFiles, transformer: LtxTransformer, tmp_path: Path
) -> None:
    sound = [{"type": "prefix", "audio": media.audio, "duration": 0.2}]
    config = configuration(world, tmp_path, [{"prompt": "a red circle", "conditions": sound}], generate_video=False)
    alone = runner_of(config, files, world.prompts)
    alone.prepare()
    (item,) = alone.run(transformer, 1)
    with wave.open(str(item.path)) as file:
        assert file.getnframes() / file.getframerate() == pytest.approx(0.69, abs=0.02)
    still = {"prompt": "a red circle", "video_dims": [96, 64, 1]}
    reference = {"type": "reference", "video": str(media.root / "start.png"), "include_in_output": True}
    config = configuration(world, tmp_path, [{**still, "conditions": [reference]}])
    picture = runner_of(config, files, world.prompts)
    picture.prepare()
    (item,) = picture.run(transformer, 2)
    assert item.path.suffix == ".png"
    with Image.open(item.path) as image:
        assert image.size == (192, 64)


def test_a_video_alone_finds_its_sound(
    world: World, media: Media, files: ModelFiles, transformer: LtxTransformer, tmp_path: Path
) -> None:
    given = [{"type": "video_to_audio", "video": media.video}]
    config = configuration(world, tmp_path, [{"prompt": "a red circle", "conditions": given}], generate_video=False)
    foley = runner_of(config, files, world.prompts)
    foley.prepare()
    (item,) = foley.run(transformer, 1)
    assert item.path.suffix == ".mp4"
    assert EventReader(Path(config.output_dir) / "events.jsonl").poll()[-1]["path"] == str(item.path)


def test_nothing_left_to_make(world: World, media: Media, files: ModelFiles, tmp_path: Path) -> None:
    both = [
        {"type": "prefix", "video": media.video, "num_frames": 9},
        {"type": "suffix", "video": media.video, "num_frames": 8},
    ]
    config = configuration(world, tmp_path, [{"prompt": "a red circle", "conditions": both}])
    with pytest.raises(ConfigError, match="nothing is left to generate"):
        runner_of(config, files, world.prompts).prepare()
