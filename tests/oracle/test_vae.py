"""Encoding and decoding: the factors of the formula against the oracle."""

from __future__ import annotations

import pytest
import torch

from presets.memory import PUBLISHED, ClipSize
from presets.memory.decoding import decode_bytes, encode_bytes
from tests.oracle.ledger import Peak
from tests.oracle.vae import measure_decode, measure_encode

torch.set_num_threads(1)
CLIPS = [ClipSize(384, 384, 49), ClipSize(576, 576, 49), ClipSize(960, 544, 89)]


def moving(peak: Peak) -> int:
    return peak.total - peak.by_kind["weights"]


@pytest.mark.parametrize("clip", CLIPS[1:], ids=str)
@pytest.mark.parametrize("family", ["2.0", "2.3"])
def test_encoding_agrees(family: str, clip: ClipSize) -> None:
    measured = measure_encode(family, clip.width, clip.height, clip.frames)
    assert measured.by_kind["weights"] == pytest.approx(2 * PUBLISHED[family].parts.video_encoder, rel=1e-4)
    assert encode_bytes(PUBLISHED[family], clip) == pytest.approx(moving(measured), rel=0.01)


def test_decoding_agrees() -> None:
    _check_decoding("2.3", CLIPS[0])


@pytest.mark.slow
@pytest.mark.parametrize("clip", CLIPS, ids=str)
@pytest.mark.parametrize("family", ["2.0", "2.3"])
def test_decoding_agrees_over_sizes(family: str, clip: ClipSize) -> None:
    _check_decoding(family, clip)


@pytest.mark.slow
def test_the_diffusion_decoder_is_roughly_right() -> None:
    measured = measure_decode("2.5", 384, 384, 41)
    predicted = decode_bytes(PUBLISHED["2.5"], ClipSize(384, 384, 41))
    assert predicted == pytest.approx(moving(measured), rel=0.1)


def _check_decoding(family: str, clip: ClipSize) -> None:
    measured = measure_decode(family, clip.width, clip.height, clip.frames)
    assert measured.by_kind["weights"] == pytest.approx(2 * PUBLISHED[family].parts.video_decoder, rel=1e-4)
    assert decode_bytes(PUBLISHED[family], clip) == pytest.approx(moving(measured), rel=0.01)
