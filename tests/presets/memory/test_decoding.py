"""Tiles of the decoder, counted as the decoder cuts them."""

from __future__ import annotations

from presets.memory import PUBLISHED, ClipSize
from presets.memory.decoding import DECODERS, decode_bytes, encode_bytes

MODEL = PUBLISHED["2.3"]


def test_what_fits_one_tile_is_not_cut() -> None:
    clip = ClipSize(384, 256, 41)
    assert decode_bytes(MODEL, clip) == DECODERS["2.3"].bytes(clip.pixels, clip.frames)


def test_tiles_bound_the_network_but_not_the_result() -> None:
    small, large = decode_bytes(MODEL, ClipSize(960, 544, 89)), decode_bytes(MODEL, ClipSize(1920, 1088, 89))
    untiled = DECODERS["2.3"].bytes(1920 * 1088, 89)
    assert small < large < untiled / 1.5


def test_encoding_grows_with_pixels_and_frames() -> None:
    assert encode_bytes(MODEL, ClipSize(576, 576, 49)) < encode_bytes(MODEL, ClipSize(576, 576, 97))
    assert encode_bytes(MODEL, ClipSize(576, 576, 49)) < encode_bytes(MODEL, ClipSize(960, 544, 49))
