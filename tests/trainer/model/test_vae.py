from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from schemas.errors import CheckpointError, DataError
from tests.goldens.tiny_io import GoldenIo, model_files
from tests.trainer.model.conftest import Change, golden_io
from trainer.model.tiling import DECODER_TILES, Tiles
from trainer.model.vae import ConvVideoDecoder, DiffusionVideoDecoder, load_video_decoder, load_video_encoder

Changed = Callable[[str, Change], Path]


def test_halves_hold_only_themselves(golden: GoldenIo) -> None:
    encoder, decoder = load_video_encoder(golden.files), load_video_decoder(golden.files)
    assert not [name for name in encoder.state_dict() if "decoder" in name]
    assert not [name for name in decoder.state_dict() if "encoder" in name]
    assert encoder.channels == decoder.channels == 16
    assert (encoder.scale.spatial, encoder.scale.temporal) == (32, 8)


def test_encoding_is_repeatable_and_normalised(golden: GoldenIo) -> None:
    encoder = load_video_encoder(golden.files, dtype=torch.float32)
    video = golden.inputs["vae.video"].float()
    first, second = encoder.encode(video), encoder.encode(video)
    assert torch.equal(first, second)
    mean, std = encoder.latents_mean.clone(), encoder.latents_std.clone()
    encoder.latents_mean.zero_()
    encoder.latents_std.fill_(1)
    raw = encoder.encode(video)
    shape = (1, -1, 1, 1, 1)
    torch.testing.assert_close(first * std.view(shape) + mean.view(shape), raw, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("shape", [(8, 64, 64), (9, 60, 64), (9, 64, 48)])
def test_a_clip_of_the_wrong_size_is_refused(shape: tuple[int, int, int]) -> None:
    encoder = load_video_encoder(golden_io("2.3").files, dtype=torch.float32)
    with pytest.raises(DataError, match="multiples of 32"):
        encoder.encode(torch.zeros(1, 3, *shape))


def test_an_image_is_one_latent_frame(golden: GoldenIo) -> None:
    encoder = load_video_encoder(golden.files, dtype=torch.float32)
    decoder = load_video_decoder(golden.files, dtype=torch.float32)
    latents = encoder.encode(torch.zeros(1, 3, 1, 96, 64))
    assert latents.shape == (1, 16, 1, 3, 2)
    if not isinstance(decoder, DiffusionVideoDecoder):
        assert decoder.decode(latents).shape == (1, 3, 1, 96, 64)


def likeness(first: Tensor, second: Tensor) -> float:
    """Correlation of two tensors of one shape."""
    return float(torch.corrcoef(torch.stack([first.flatten(), second.flatten()]))[0, 1])


def test_large_clips_in_tiles_stay_near_the_whole(version: str) -> None:
    """The network sees beyond a tile's edge, so the two differ; a shifted tile would differ wholly."""
    golden = golden_io(version)
    encoder = load_video_encoder(golden.files, dtype=torch.float32)
    torch.manual_seed(0)
    video = torch.nn.functional.interpolate(torch.randn(1, 3, 5, 6, 8), size=(9, 160, 192), mode="trilinear")
    whole, tiled = encoder.encode(video), encoder.encode(video, tiles=Tiles(128, 64))
    assert whole.shape == tiled.shape
    assert likeness(whole, tiled) > 0.9
    decoder = load_video_decoder(golden.files, dtype=torch.float32)
    if isinstance(decoder, DiffusionVideoDecoder):
        return
    latents = torch.nn.functional.interpolate(torch.randn(1, 16, 2, 3, 3), size=(4, 3, 4), mode="trilinear")
    whole, tiled = decoder.decode(latents, tiles=None), decoder.decode(latents, tiles=Tiles(96, 64, 16, 8))
    assert whole.shape == tiled.shape == (1, 3, 25, 96, 128)
    assert likeness(whole, tiled) > 0.6
    assert likeness(whole[:, :, 1:], tiled[:, :, :-1]) < 0.4
    assert torch.equal(decoder.decode(latents[..., :2, :2], tiles=DECODER_TILES), decoder.decode(latents[..., :2, :2]))


def test_the_diffusion_decoder_repeats_with_a_generator() -> None:
    golden = golden_io("2.5")
    decoder = load_video_decoder(golden.files, dtype=torch.float32)
    latents = golden.inputs["vae.latent"]
    videos = [decoder.decode(latents, generator=torch.Generator().manual_seed(seed)) for seed in (1, 1, 2)]
    assert videos[0].shape == (1, 3, 9, 96, 96)
    assert torch.equal(videos[0], videos[1])
    assert not torch.equal(videos[0], videos[2])
    with pytest.raises(DataError, match="too small"):
        decoder.decode(latents[:, :, :1])


@pytest.mark.parametrize(
    ("change", "mode"),
    [
        (lambda vae: None, "zeros"),
        (lambda vae: vae.update(spatial_padding_mode="reflect"), "reflect"),
        (lambda vae: vae.update(encoder_spatial_padding_mode="replicate"), "replicate"),
        (lambda vae: vae.update(encoder_spatial_padding_mode="replicate", spatial_padding_mode="reflect"), "reflect"),
    ],
)
def test_padding_of_the_encoder(changed: Changed, change: Callable[[dict[str, Any]], object], mode: str) -> None:
    files = model_files(changed("2.0", lambda _, config: change(config["vae"])))
    assert load_video_encoder(files).encoder.conv_in.conv.padding_mode == mode


def test_padding_of_the_decoder_follows_its_own_key(changed: Changed) -> None:
    for release, mode in (("2.0", "reflect"), ("2.3", "zeros")):
        decoder = load_video_decoder(golden_io(release).files)
        assert isinstance(decoder, ConvVideoDecoder)
        assert decoder.decoder.conv_in.conv.padding_mode == mode


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda vae: vae.pop("encoder_blocks"), "encoder_blocks"),
        (lambda vae: vae.pop("patch_size"), "patch_size"),
        (lambda vae: vae["encoder_blocks"].pop(), "ends with a res_x"),
        (lambda vae: vae["encoder_blocks"].pop(0), "in turn"),
        (lambda vae: vae["encoder_blocks"][1].__setitem__(0, "attend_here"), "in turn"),
        (lambda vae: vae.update(encoder_blocks="none"), r"\[name, options\]"),
    ],
)
def test_a_block_list_that_makes_no_sense_is_refused(
    changed: Changed, change: Callable[[dict[str, Any]], object], said: str
) -> None:
    with pytest.raises(CheckpointError, match=said):
        load_video_encoder(model_files(changed("2.3", lambda _, config: change(config["vae"]))))
