"""What the estimate is made from: files where they are, assumptions where they are not."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import pytest

import presets
from presets.memory import PUBLISHED, ClipSize, estimate
from presets.memory.shapes import layout
from schemas import validate
from tests.support.sparse import write_real
from tests.trainer.preflight.world import NAMES, VIDEO, World, strategy, video
from trainer.files.checkpoint import read_checkpoint
from trainer.preflight.memory import memory_job
from trainer.preflight.model_shape import model_shape

UNIFIED = {"2.0": "ltx-2-19b", "2.3": "ltx-2.3-22b"}


@pytest.mark.parametrize("family", UNIFIED)
def test_a_published_file_gives_the_published_shape(family: str, tmp_path: Path) -> None:
    assert model_shape(read_checkpoint(write_real(tmp_path, UNIFIED[family]))) == PUBLISHED[family]


@pytest.mark.parametrize(("file", "vae"), [("ltx-2.5-22b-video-vae", "2.5"), ("ltx-2.5-22b-video-vae-conv", "2.3")])
def test_a_split_release(file: str, vae: str, tmp_path: Path) -> None:
    transformer = read_checkpoint(write_real(tmp_path, "ltx-2.5-22b-transformer"))
    found = model_shape(transformer, read_checkpoint(write_real(tmp_path, file)))
    assert found.vae == vae
    same_decoder = replace(found, vae="2.5", parts=replace(found.parts, video_decoder=417_133_744))
    assert same_decoder == PUBLISHED["2.5"]


def test_a_small_checkpoint_is_counted_as_it_is(world: World) -> None:
    checkpoint = read_checkpoint(world.model)
    counted = sum(math.prod(info.shape) for info in checkpoint.transformer_tensors.values())
    assert layout(model_shape(checkpoint)).parameters == counted


def test_the_largest_prepared_clip_counts(world: World) -> None:
    world.write(VIDEO, video(frames=9), names=NAMES[:1])
    job = memory_job(validate(world.data("optimization.batch_size=2")))
    assert (job.run.video_tokens, job.run.audio_tokens, job.run.text_tokens) == (9 * 4 * 4, 51, 128)
    assert job.clip == ClipSize(128, 128, 65)
    assert (job.run.rank, job.run.batch) == (4, 2)
    assert job.saving.captions == len(NAMES)
    assert job.assumed == ()


def test_references_are_tokens_too(world: World) -> None:
    world.write("reference_latents", video(frames=7))
    condition = {"type": "reference", "latents_dir": "reference_latents", "probability": 1.0}
    job = memory_job(validate(world.data(training_strategy=strategy([condition]))))
    assert job.run.video_tokens == 2 * 7 * 4 * 4


def test_nothing_on_this_machine() -> None:
    data = presets.load("t2v_lora")
    data["model"]["model_path"] = "/nowhere/model.safetensors"
    data["data"]["preprocessed_data_root"] = "/nowhere/data"
    data["validation"]["video_dims"] = [576, 576, 49]
    job = memory_job(validate(data))
    assert job.model == PUBLISHED["2.3"]
    assert (job.run.video_tokens, job.run.audio_tokens) == (2268, 51)
    said = " ".join(job.assumed)
    assert "/nowhere/model.safetensors is not on this machine: the published LTX-2.3 shapes" in said
    assert "576x576x49" in said


def test_a_modality_that_is_not_trained(world: World) -> None:
    job = memory_job(validate(world.data(training_strategy=strategy(with_video=False))))
    assert job.run.modalities == ("audio",)
    assert job.clip is None
    found = estimate(job).phases
    assert "latent_encoding" not in found
    assert found["training_step"]["weights"] == 2 * layout(job.model, ("audio",)).parameters


def test_no_validation_means_no_text_encoder(world: World) -> None:
    job = memory_job(validate(world.data("validation.interval=null")))
    assert job.validation is None
    assert not job.text.encodes_prompts


def test_quantization_is_counted(world: World) -> None:
    job = memory_job(validate(world.data("acceleration.quantization=int8-quanto")))
    assert job.run.quantization == "int8-quanto"
    assert job.assumed == memory_job(validate(world.data())).assumed


def test_conditions_give_tokens_noise_levels_of_their_own(world: World) -> None:
    plain = memory_job(validate(world.data(training_strategy=strategy()))).run
    given = memory_job(validate(world.data(training_strategy=strategy([{"type": "first_frame"}])))).run
    assert (plain.mixed, given.mixed) == ((), ("video",))
