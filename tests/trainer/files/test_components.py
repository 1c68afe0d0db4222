"""Which file each part of a model is read from."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

from schemas.errors import CheckpointError
from tests.support.sparse import write_real
from tests.trainer.files.test_gemma import write_gemma
from tests.trainer.files.test_model_file import edit_config
from trainer.files.components import files_vae_scale, resolve_model_files, text_encoder_location
from trainer.files.geometry import VaeScale


@dataclass(frozen=True)
class Paths:
    """The path fields of the model section."""

    model_path: Path
    text_encoder_path: Path | None = None
    video_vae_path: Path | None = None
    audio_vae_path: Path | None = None


def test_unified_file_holds_everything_but_the_text_encoder(tmp_path: Path) -> None:
    model = write_real(tmp_path, "ltx-2.3-22b")
    gemma = write_gemma(tmp_path / "gemma")
    files = resolve_model_files(Paths(model, gemma))
    assert files.transformer == files.video_vae == files.audio_vae == files.vocoder == model
    assert files.connectors == files.extractor == (model,)
    assert (files.text_encoder, files.text_encoder_kind) == (gemma, "directory")
    assert files_vae_scale(files) == VaeScale(32, 8)


def test_split_pack(tmp_path: Path) -> None:
    paths = Paths(
        write_real(tmp_path, "ltx-2.5-22b-transformer"),
        write_real(tmp_path, "ltx-2.5-22b-text-encoder"),
        write_real(tmp_path, "ltx-2.5-22b-video-vae"),
        write_real(tmp_path, "ltx-2.5-22b-audio-vae"),
    )
    files = resolve_model_files(paths)
    assert (files.video_vae, files.audio_vae, files.vocoder) == (
        paths.video_vae_path,
        paths.audio_vae_path,
        paths.audio_vae_path,
    )
    assert files.connectors == files.extractor == (paths.model_path, paths.text_encoder_path)
    assert files.text_encoder_kind == "packed"


def test_split_transformer_without_its_parts_names_the_setting_when_they_are_needed(tmp_path: Path) -> None:
    files = resolve_model_files(Paths(write_real(tmp_path, "ltx-2.5-22b-transformer")))
    assert files.video_vae_file is None
    assert files.text_encoder is None
    with pytest.raises(CheckpointError, match="video_vae_path"):
        _ = files.video_vae
    with pytest.raises(CheckpointError, match="audio_vae_path"):
        _ = files.vocoder


def test_split_transformer_beside_a_gemma_directory(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="packed text encoder"):
        resolve_model_files(Paths(write_real(tmp_path, "ltx-2.5-22b-transformer"), write_gemma(tmp_path / "gemma")))


def test_unified_file_without_audio(tmp_path: Path) -> None:
    model = write_real(tmp_path, "ltx-2.3-22b", edit_config(audio_vae=None, vocoder=None))
    files = resolve_model_files(Paths(model))
    assert files.video_vae == model
    with pytest.raises(CheckpointError, match="holds no audio VAE"):
        _ = files.audio_vae


def test_an_explicit_path_wins_and_must_hold_the_part(tmp_path: Path) -> None:
    model = write_real(tmp_path, "ltx-2.3-22b")
    conv = write_real(tmp_path, "ltx-2.5-22b-video-vae-conv")
    assert resolve_model_files(Paths(model, video_vae_path=conv)).video_vae == conv
    with pytest.raises(CheckpointError, match="holds no 'audio_vae'"):
        resolve_model_files(Paths(model, audio_vae_path=conv))


@pytest.mark.parametrize("name", ["ltx-2.5-22b-video-vae", "ltx-2.5-22b-audio-vae", "ltx-2.5-22b-text-encoder"])
def test_a_part_is_not_a_model(tmp_path: Path, name: str) -> None:
    with pytest.raises(CheckpointError, match="not a transformer"):
        resolve_model_files(Paths(write_real(tmp_path, name)))


def test_text_encoder_that_is_not_there(tmp_path: Path) -> None:
    assert text_encoder_location(None) == (None, None)
    with pytest.raises(CheckpointError, match="no text encoder here"):
        text_encoder_location(tmp_path / "none")
