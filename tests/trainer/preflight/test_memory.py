"""What the estimate is made from: files where they are, assumptions where they are not."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import pytest

import presets
from presets.memory import GIB, PUBLISHED, ClipSize, estimate
from presets.memory.shapes import layout
from schemas import validate
from tests.support.sparse import write_real, write_sparse
from tests.trainer.files.test_gemma import write_gemma
from tests.trainer.preflight.world import NAMES, VIDEO, World, strategy, video
from trainer.files.checkpoint import read_checkpoint
from trainer.preflight.memory import memory_job, published_job
from trainer.preflight.model_shape import model_shape, with_text_encoder

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


def test_references_of_samples_and_what_is_given_whole_are_tokens_too() -> None:
    plain, reference = (published_job(validate(presets.load(name))) for name in ("t2v_lora", "av2av_ic_lora"))
    assert plain.validation is not None
    assert reference.validation is not None
    assert reference.validation.video_tokens == 2 * plain.validation.video_tokens
    assert reference.validation.audio_tokens == 2 * plain.validation.audio_tokens
    foley = published_job(validate(presets.load("v2a_lora"))).validation
    assert foley is not None
    assert foley.clip is None
    assert foley.video_tokens == plain.validation.video_tokens


def test_blocks_and_the_text_encoder(world: World) -> None:
    job = memory_job(validate(world.data("acceleration.blocks_to_swap=5", "acceleration.blocks_to_recompute=7")))
    assert (job.run.swapped, job.run.recomputed, job.auto_swap, job.auto_recompute) == (5, 7, False, False)
    job = memory_job(validate(world.data("acceleration.blocks_to_swap=auto", "acceleration.blocks_to_recompute=auto")))
    assert (job.run.swapped, job.run.recomputed, job.auto_swap, job.auto_recompute) == (0, None, True, True)
    job = memory_job(validate(world.data("acceleration.stream_text_encoder=true")))
    assert job.text.streamed


def test_a_text_encoder_is_counted_as_it_is(tmp_path: Path) -> None:
    small = {"model_type": "gemma3", "text_config": {"hidden_size": 64, "num_hidden_layers": 4}}
    folder = write_gemma(tmp_path / "gemma", small)
    language = {"language_model.model.embed_tokens.weight": ["BF16", [1000, 64]]}
    layers = {f"language_model.model.layers.{index}.w": ["BF16", [64, 64]] for index in range(4)}
    write_sparse(folder / "a.safetensors", {**language, **layers, "vision_tower.w": ["BF16", [999]]})
    data = presets.load("t2v_lora")
    data["model"]["text_encoder_path"] = str(folder)
    job = memory_job(validate(data))
    parts = job.model.parts
    assert (parts.text_encoder, parts.text_embedding) == (64_000 + 4 * 64 * 64, 64_000)
    assert (parts.text_hidden, parts.text_states, parts.text_layer) == (64, 5, 64 * 64)
    assert not any("text encoder" in sentence for sentence in job.assumed)
    assert any("that of LTX-2.3 as published" in sentence for sentence in published_job(validate(data)).assumed)
    # No 12B in sight: what is left is the published extractor and connectors.
    assert sum(estimate(job).phases["text_encoding"].values()) < 5 * GIB


def test_the_packed_text_encoder_of_2_5(tmp_path: Path) -> None:
    packed = write_real(tmp_path, "ltx-2.5-22b-text-encoder")
    assert with_text_encoder(PUBLISHED["2.5"].parts, packed) == PUBLISHED["2.5"].parts
