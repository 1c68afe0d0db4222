from __future__ import annotations

from pathlib import Path

import av
import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor

from schemas.model import ModelConfig
from trainer.data.films import write_mp4
from trainer.files.checkpoint import ModelFiles, resolve_model_files
from trainer.validation.decoding import Latents, decode

GOLDEN = Path(__file__).parents[2] / "golden"
CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def stored() -> dict[str, Tensor]:
    return load_file(GOLDEN / "ltx2.0_tiny_io.safetensors")


@pytest.fixture(scope="module")
def golden_files() -> ModelFiles:
    return resolve_model_files(ModelConfig(model_path=GOLDEN / "ltx2.0_tiny_checkpoint.safetensors"))


def test_reference_latents_become_the_reference_picture_and_a_film_with_sound(
    stored: dict[str, Tensor], golden_files: ModelFiles, tmp_path: Path
) -> None:
    latents = Latents(stored["in.vae.latent"][:1], stored["in.audio_vae.latent"][:1])
    (media,) = decode(golden_files, [latents], [0], device=CPU)
    assert media.frames_THWC is not None
    assert media.sound_AS is not None
    expected = stored["out.vae.video_sub2"][0].permute(1, 2, 3, 0).clamp(-1, 1)
    shown = torch.from_numpy(media.frames_THWC[:, ::2, ::2]).float() / 127.5 - 1
    torch.testing.assert_close(shown, expected, rtol=0, atol=0.5 / 127.5 + 1e-4)
    path = tmp_path / "film.mp4"
    write_mp4(path, media.frames_THWC, 24.0, media.sound_AS, media.rate)
    with av.open(str(path)) as container:
        assert container.streams.video[0].frames == media.frames_THWC.shape[0]
        heard = np.concatenate([frame.to_ndarray() for frame in container.decode(audio=0)], axis=1)
    length = media.sound_AS.shape[1]
    assert heard.shape[1] == pytest.approx(length, abs=2048)
    assert heard.shape[0] == 2


def test_one_modality_may_be_missing(stored: dict[str, Tensor], golden_files: ModelFiles) -> None:
    sound = Latents(None, stored["in.audio_vae.latent"][:1])
    (media,) = decode(golden_files, [sound], [0], device=CPU)
    assert media.frames_THWC is None
    assert media.sound_AS is not None
    assert media.sound_AS.shape[0] == 2
    assert media.rate == 24000
