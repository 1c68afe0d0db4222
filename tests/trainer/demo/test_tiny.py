"""The tiny checkpoint is a file of the published format, only smaller."""

from __future__ import annotations

import json
import re
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from safetensors import safe_open

from trainer.data.mel import MelSpec, log_mel
from trainer.demo.official_config import (
    AUDIO_LATENT_BINS,
    AUDIO_LATENT_CHANNELS,
    LATENT_CHANNELS,
    LAYERS,
    TEXT_HIDDEN,
    TEXT_STATES,
    VIDEO_HEAD_DIM,
    VIDEO_HEADS,
    Family,
)
from trainer.demo.scenes import SCENES, render_frames, render_wave
from trainer.demo.tiny import write_tiny_checkpoint
from trainer.files.checkpoint import ModelFiles, read_checkpoint, resolve_model_files
from trainer.model.audio import load_audio_decoder, load_audio_encoder, load_vocoder
from trainer.model.loading import load_transformer
from trainer.model.text import load_connectors, load_extractor
from trainer.model.vae import load_video_decoder, load_video_encoder

REAL = {"2.0": "ltx-2-19b", "2.3": "ltx-2.3-22b"}
HEADERS = Path(__file__).parents[2] / "real_headers"


@pytest.fixture(scope="module", params=["2.0", "2.3"])
def family(request: pytest.FixtureRequest) -> Family:
    chosen: Family = request.param
    return chosen


@pytest.fixture(scope="module")
def checkpoint(family: Family, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tiny_checkpoint(tmp_path_factory.mktemp("tiny") / "tiny.safetensors", family)


def _real(family: Family) -> dict[str, Any]:
    data: dict[str, Any] = json.loads((HEADERS / f"{REAL[family]}.json").read_text())
    return data


def _pattern(name: str) -> str:
    return re.sub(r"\d+", "#", name)


def test_tensor_names_dtypes_and_ranks_are_those_of_the_published_file(family: Family, checkpoint: Path) -> None:
    names = {"BF16": torch.bfloat16, "F32": torch.float32}
    real = {
        (_pattern(name), names[entry[0]], len(entry[1]))
        for name, entry in _real(family).items()
        if name != "__metadata__"
    }
    with safe_open(checkpoint, "pt") as file:
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    assert {(_pattern(name), value.dtype, value.ndim) for name, value in tensors.items()} == real
    assert all(torch.isfinite(value).all() for value in tensors.values())


def _paths(data: object, prefix: str = "") -> set[str]:
    if not isinstance(data, dict):
        return {prefix}
    return {path for key, value in data.items() for path in _paths(value, f"{prefix}.{key}")}


def test_config_has_the_published_keys(family: Family, checkpoint: Path) -> None:
    with safe_open(checkpoint, "pt") as file:
        metadata = file.metadata()
    real = _real(family)["__metadata__"]
    assert set(metadata) == set(real) - {"encrypted_wandb_properties"}
    ours, theirs = _paths(json.loads(metadata["config"])), _paths(json.loads(real["config"]))
    assert ours - theirs == {".transformer.audio_in_channels"}
    assert theirs - ours <= {".audio_vae.model.params.embed_dim"}


def test_extractor_fits_the_tiny_text_encoder(family: Family, checkpoint: Path) -> None:
    name = "aggregate_embed" if family == "2.0" else "video_aggregate_embed"
    with safe_open(checkpoint, "pt") as file:
        weight = file.get_tensor(f"text_embedding_projection.{name}.weight")
    assert weight.shape[1] == TEXT_HIDDEN * TEXT_STATES


def test_same_seed_same_content_whatever_was_drawn_before(family: Family, checkpoint: Path, tmp_path: Path) -> None:
    if family == "2.3":
        pytest.skip("one family is enough; writing takes seconds")
    torch.manual_seed(99)
    before = torch.get_rng_state()
    again = write_tiny_checkpoint(tmp_path / "again.safetensors", family)
    with safe_open(again, "pt") as one, safe_open(checkpoint, "pt") as two:
        assert one.metadata() == two.metadata()
        assert list(one.keys()) == list(two.keys())
        assert all(torch.equal(one.get_tensor(name), two.get_tensor(name)) for name in one.keys())  # noqa: SIM118
    assert torch.equal(torch.get_rng_state(), before)


def _files(checkpoint: Path) -> ModelFiles:
    paths = SimpleNamespace(model_path=checkpoint, text_encoder_path=None, video_vae_path=None, audio_vae_path=None)
    return resolve_model_files(paths)


def test_every_network_loads_through_the_real_loaders(family: Family, checkpoint: Path) -> None:
    """They refuse missing, spare and misshapen tensors."""
    files = _files(checkpoint)
    transformer = load_transformer(files, dtype=torch.float32)
    assert len(transformer.transformer_blocks) == LAYERS
    load_connectors(files)
    features, _ = load_extractor(files)(torch.randn(1, 8, TEXT_HIDDEN, TEXT_STATES), torch.ones(1, 8))
    assert features.shape == (1, 8, TEXT_HIDDEN if family == "2.0" else VIDEO_HEADS * VIDEO_HEAD_DIM)
    video = load_video_decoder(files, dtype=torch.float32).decode(torch.randn(1, LATENT_CHANNELS, 2, 2, 2))
    assert video.shape == (1, 3, 9, 64, 64)
    mel = load_audio_decoder(files).decode(torch.randn(1, AUDIO_LATENT_CHANNELS, 3, AUDIO_LATENT_BINS))
    assert mel.shape == (1, 2, 9, 64)
    vocoder = load_vocoder(files)
    sound = vocoder(mel)
    assert vocoder.sample_rate == (24000 if family == "2.0" else 48000)
    assert sound.shape == (1, 2, 9 * vocoder.sample_rate // 100)
    assert torch.isfinite(sound).all()


def test_latents_of_the_demo_scenes_have_mean_0_and_deviation_1(checkpoint: Path) -> None:
    files = _files(checkpoint)
    video, audio = load_video_encoder(files, dtype=torch.float32), load_audio_encoder(files)
    spec = MelSpec.from_config(read_checkpoint(checkpoint).section("audio_vae"))
    latents, sounds = [], []
    for scene in SCENES:
        frames = torch.from_numpy(render_frames(scene, 96, 64, 25).astype("float32")) / 127.5 - 1
        latents.append(video.encode(frames.permute(3, 0, 1, 2)[None]))
        sounds.append(audio.encode(log_mel(torch.from_numpy(render_wave(scene, 2.0, 16000))[None], spec)))
    for values in (torch.cat(latents), torch.cat(sounds)):
        assert abs(float(values.mean())) < 0.05
        assert float(values.std()) == pytest.approx(1, abs=0.05)
